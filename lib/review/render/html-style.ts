/** The page's only style sheet. Colours are pairs of a text and a ground with a contrast of at least 4.5. */
export const style = `
:root { color-scheme: light dark;
  --ground: #f6f7f9; --card: #fff; --ink: #1a1f29; --soft: #525c6b; --line: #d5dae1; --code: #eef1f5;
  --deploy: #0b5cad; --deploy-bg: #e3effc; --first: #0f6b4f; --first-bg: #def5ea; --repair: #8a5300; --repair-bg: #fdf0d7;
  --refused: #a5243a; --refused-bg: #fde7ea; --state: #6239a8; --state-bg: #efe7fc; --none: #525c6b; --none-bg: #f1f3f6; }
@media (prefers-color-scheme: dark) { :root {
  --ground: #0f1319; --card: #181e27; --ink: #e8ecf2; --soft: #a6b1c0; --line: #323b48; --code: #232b37;
  --deploy: #8cc2ff; --deploy-bg: #14304f; --first: #74dbb0; --first-bg: #113a2d; --repair: #f5c063; --repair-bg: #41300f;
  --refused: #ff9dab; --refused-bg: #4a1a24; --state: #c9b0ff; --state-bg: #33244f; --none: #a6b1c0; --none-bg: #1f2630; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif;
  overflow-wrap: anywhere; -webkit-text-size-adjust: 100%; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 12px 40px; }
h1 { margin: 0; font-size: 15px; font-weight: 600; color: var(--soft); }
h2 { margin: 36px 0 12px; font-size: 18px; line-height: 1.3; }
.headline { margin: 4px 0 20px; font-size: clamp(20px, 3.4vw, 27px); line-height: 1.3; font-weight: 650; text-wrap: balance; }
.notes { margin: -12px 0 20px; color: var(--soft); }
code, pre { font: 0.88em/1.5 ui-monospace, "SF Mono", "DejaVu Sans Mono", monospace; background: var(--code); border-radius: 4px; }
code { padding: 1px 5px; box-decoration-break: clone; -webkit-box-decoration-break: clone; }
pre { color: var(--ink); padding: 10px 12px; margin: 8px 0 0; white-space: pre-wrap; }
.card, details { background: var(--card); border: 1px solid var(--line); border-radius: 10px; }
.numbers { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 0; padding: 0; }
.numbers div { padding: 12px 16px; }
.numbers dt { color: var(--soft); font-size: 14px; }
.numbers dd { margin: 2px 0 0; font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; }
.alert { margin: 0 0 12px; padding: 12px 16px; border: 1px solid; border-left-width: 5px; border-radius: 8px; }
.alert h2 { margin: 0 0 4px; font-size: 16px; }
.card + .alert { margin-top: 20px; }
.alert ul, .plain { margin: 0; padding-left: 20px; }
.alert li + li { margin-top: 6px; }
.alert code { background: none; padding: 0; font-weight: 600; }
.bad { color: var(--refused); } .warn { color: var(--repair); }
.alert.bad { background: var(--refused-bg); } .alert.warn { background: var(--repair-bg); }
.alert.warn, .alert.bad { border-color: currentColor; } .alert p, .alert li { color: var(--ink); }
.card { padding: 14px 16px; }
.picture { padding: 10px; }
.picture svg { display: block; width: 100%; height: auto; }
svg.narrow { display: block; } svg.wide { display: none !important; }
@media (min-width: 720px) { svg.narrow { display: none !important; } svg.wide { display: block !important; } }
svg text { font: 13px system-ui, "Segoe UI", Roboto, sans-serif; fill: var(--ink); }
.host { fill: var(--ground); stroke: var(--line); } .group { fill: var(--card); stroke: var(--line); stroke-dasharray: 5 4; }
svg .host-name { font-size: 15px; font-weight: 650; } svg .group-name, svg .more { fill: var(--soft); font-size: 12.5px; }
.tile { fill: var(--bg); stroke: var(--fg); stroke-width: 1.5; } .disc { fill: var(--fg); }
svg .name { font-weight: 600; } svg .what { fill: var(--fg); font-size: 12px; }
svg .sign { fill: var(--bg); text-anchor: middle; font-weight: 700; }
.is-none { --fg: var(--none); --bg: var(--none-bg); } .is-none .tile { stroke: var(--line); stroke-width: 1; }
svg .is-none .name { font-weight: 400; font-size: 12px; }
.is-deploy { --fg: var(--deploy); --bg: var(--deploy-bg); } .is-first-deploy { --fg: var(--first); --bg: var(--first-bg); }
.is-repair { --fg: var(--repair); --bg: var(--repair-bg); } .is-refused { --fg: var(--refused); --bg: var(--refused-bg); }
.is-adopt, .is-forget, .is-unknown { --fg: var(--state); --bg: var(--state-bg); }
.is-refused .tile, .is-unknown .tile { stroke-dasharray: 4 3; } .is-first-deploy .tile { stroke-width: 2.5; }
.legend { display: flex; flex-wrap: wrap; gap: 8px; margin: 12px 0 0; padding: 0; list-style: none; }
.tag { display: inline-block; padding: 1px 10px; border: 1px solid; border-radius: 99px; font-size: 14px; font-weight: 600;
  white-space: nowrap; color: var(--fg); background: var(--bg); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { color: var(--soft); font-size: 14px; font-weight: 600; text-align: left; }
th, td { padding: 9px 10px; border-bottom: 1px solid var(--line); vertical-align: baseline; }
tbody tr:last-child > * { border-bottom: 0; }
tbody th { color: var(--ink); font-size: inherit; } .number { text-align: right; white-space: nowrap; } td code { white-space: nowrap; }
.soft { color: var(--soft); font-weight: 400; }
.scroll { padding: 4px 6px; }
details { margin-top: 10px; }
summary { padding: 11px 16px; cursor: pointer; font-weight: 600; border-radius: 10px; }
summary:focus-visible { outline: 3px solid var(--deploy); outline-offset: 1px; }
summary .tag { margin: 0 6px; }
details > div { padding: 2px 16px 16px; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 5px 18px; margin: 0; }
.facts dt { color: var(--soft); } .facts dd { margin: 0; min-width: 0; }
.log { margin: 6px 0 4px; padding-left: 18px; } .log li + li { margin-top: 5px; }
.paths { display: block; color: var(--soft); font-size: 14px; }
.names { color: var(--soft); } footer { margin-top: 36px; color: var(--soft); font-size: 14px; }
@media (max-width: 719px) {
  .scroll { padding: 0 14px; }
  table, tbody, tr, td, tbody th { display: block; } thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  tbody tr { padding: 10px 0; border-bottom: 1px solid var(--line); } tbody tr:last-child { border-bottom: 0; }
  th, td { border: 0; padding: 2px 0; }
  td { display: flex; justify-content: space-between; gap: 14px; text-align: right; }
  td::before { content: attr(data-label); color: var(--soft); text-align: left; flex: none; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 9px; } .facts dt:empty { display: none; }
  .numbers { grid-template-columns: 1fr 1fr; } .numbers dd { font-size: 19px; } }
@media print { details > div { display: block; } body { background: none; } }
`;
