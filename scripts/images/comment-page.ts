import { marked } from "marked";

/** A comment of a pull request as a forge shows it; colours, sizes and widths are those that are usual there. */
const style = `
body { margin: 0; padding: 20px; background: #fff; color: #1b1f24; font: 14px/1.5 "DejaVu Sans Condensed", sans-serif; }
article { border: 1px solid #ccd3da; border-radius: 6px; overflow: hidden; }
header { padding: 8px 16px; background: #f3f5f7; border-bottom: 1px solid #ccd3da; color: #57606a; }
header b { color: #1b1f24; }
main { padding: 16px; overflow-wrap: break-word; }
main > :first-child { margin-top: 0; } main > :last-child { margin-bottom: 0; }
h3 { margin: 24px 0 16px; font-size: 17px; line-height: 1.3; }
p, ul, table, details, pre, blockquote { margin: 0 0 16px; }
ul { padding-left: 28px; } li + li { margin-top: 3px; } li > ul { margin: 3px 0 0; }
table { display: block; width: max-content; max-width: 100%; overflow: auto; border-collapse: collapse; }
th, td { padding: 6px 11px; border: 1px solid #d3d9e0; }
tr:nth-child(2n) td { background: #f7f8fa; }
code, pre { font: 12px/1.45 "DejaVu Sans Mono", monospace; background: #eef0f3; border-radius: 6px; }
code { padding: 2px 5px; } pre { padding: 12px; white-space: pre-wrap; }
summary { cursor: pointer; } details[open] > summary { margin-bottom: 16px; }
blockquote { padding: 0 14px; border-left: 4px solid #d3d9e0; color: #57606a; }
`;

/** The page that has this comment and nothing else; a line's end is one in comments. */
export function commentPage(markdown: string, login: string): string {
  const body = marked.parse(markdown, { async: false, gfm: true, breaks: true });
  const head = `<header><b>${login}</b> commented</header>`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><style>${style}</style><article>${head}<main>${body}</main></article></html>`;
}
