import type { ReviewReport, ServiceReview } from "../report.ts";
import { element, escapeHtml } from "./html-text.ts";
import { actionSigns } from "./summary.ts";
import { counted, plain, relationText } from "./text.ts";

const gap = 8;
/** What changes stands out; what does not needs its name alone. */
const tile = { width: 176, height: 48 };
const stillTile = { width: 132, height: 28 };
const box = { pad: 10, head: 26, gap: 12 };

/** From this width on two hosts stand side by side. */
const twoColumns = 800;

/** Unchanged services of one box that are drawn; the list below the diagram has all. */
const mostStill = 40;

interface Group {
  readonly title: string;
  readonly moving: readonly ServiceReview[];
  readonly still: readonly ServiceReview[];
  /** Unchanged ones without a tile. */
  readonly more: number;
}

interface Host {
  readonly name: string;
  readonly groups: readonly Group[];
}

interface Piece {
  readonly svg: string;
  readonly height: number;
}

/** Hosts as boxes, in them the Compose project and the namespaces, in these the services: sign, name and what happens. */
export function diagram(report: ReviewReport, width: number, id: string): string {
  const hosts = hostsOf(report);
  const columns = width >= twoColumns && hosts.length > 1 ? 2 : 1;
  const each = (width - (columns - 1) * box.gap) / columns;
  const ends = Array.from({ length: columns }, () => 0);
  // Each host goes where there is most room left.
  const pieces = hosts.map((host) => {
    const column = ends.indexOf(Math.min(...ends));
    const top = ends[column] ?? 0;
    const piece = hostBox(host, column * (each + box.gap), top, each);
    ends[column] = top + piece.height + box.gap;
    return piece.svg;
  });
  const height = Math.max(1, Math.max(...ends) - box.gap);
  return element(
    "svg",
    { class: id, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": `${id}-title ${id}-desc` },
    element("title", { id: `${id}-title` }, "Hosts and services") +
      element("desc", { id: `${id}-desc` }, escapeHtml(describe(hosts), 2000)) +
      pieces.join(""),
  );
}

function describe(hosts: readonly Host[]): string {
  return hosts
    .map(({ name, groups }) => {
      const inside = groups.map(({ title, moving, still, more }) => {
        const words = moving.map((service) => `${service.service} ${actionSigns[service.action].word}`);
        return `${title}: ${[...words, `${still.length + more} unchanged`].join(", ")}`;
      });
      return `${name}: ${inside.join("; ")}.`;
    })
    .join(" ");
}

function hostsOf({ services }: ReviewReport): Host[] {
  const names = [...new Set(services.map(({ host }) => host))].sort();
  return names.map((name) => {
    const here = services.filter(({ host }) => host === name);
    const titles = [...new Set(here.flatMap(groupTitles))].sort();
    return { name, groups: titles.map((title) => groupOf(title, here)) };
  });
}

function groupOf(title: string, services: readonly ServiceReview[]): Group {
  const here = services.filter((service) => groupTitles(service).includes(title));
  const moving = here.filter(({ action }) => action !== "none");
  const still = here.filter(({ action }) => action === "none");
  return { title, moving, still: still.slice(0, mostStill), more: Math.max(0, still.length - mostStill) };
}

/** A service of two namespaces is in both boxes. */
function groupTitles({ runtime, targets }: ServiceReview): string[] {
  if (runtime === "compose") return ["Compose"];
  const namespaces = targets.map((target) => (target.includes("/") ? target.slice(0, target.indexOf("/")) : target));
  return [...new Set(namespaces.length > 0 ? namespaces : ["?"])].map((name) => `k3s: ${plain(name, 40)}`);
}

function hostBox({ name, groups }: Host, left: number, top: number, width: number): Piece {
  let y = top + box.head + 8;
  const inner = groups.map((group) => {
    const piece = groupBox(group, left + box.pad, y, width - 2 * box.pad);
    y += piece.height + box.gap;
    return piece.svg;
  });
  const height = y - box.gap + box.pad - top;
  const frame = rect("host", left + 1, top + 1, width - 2, height - 2, 12);
  return { svg: frame + text("host-name", left + box.pad + 2, top + 23, plain(name, 40)) + inner.join(""), height };
}

function groupBox({ title, moving, still, more }: Group, x: number, y: number, width: number): Piece {
  const inner = { x: x + box.pad, width: width - 2 * box.pad };
  const first = grid(moving, tile, inner, y + box.head, serviceTile);
  const second = grid(still, stillTile, inner, y + box.head + first.height, unchangedTile);
  const rest = more > 0 ? 22 : 0;
  const height = box.head + first.height + second.height - gap + rest + box.pad;
  const words = `and ${counted(more, "more service")}, no change`;
  const label = more > 0 ? text("more", inner.x, y + height - box.pad, words) : "";
  const svg = [
    rect("group", x, y, width, height, 8),
    text("group-name", inner.x, y + 18, title),
    first.svg,
    second.svg,
  ];
  return { svg: svg.join("") + label, height };
}

type Draw = (service: ServiceReview, x: number, y: number, width: number) => string;

/** Rows of equal tiles that fill the width; each row with the gap below it. */
function grid(
  services: readonly ServiceReview[],
  least: typeof tile,
  { x, width }: { x: number; width: number },
  y: number,
  draw: Draw,
): Piece {
  const columns = Math.max(1, Math.floor((width + gap) / (least.width + gap)));
  const each = (width - (columns - 1) * gap) / columns;
  const tiles = services.map((service, index) => {
    const row = Math.floor(index / columns);
    return draw(service, x + (index % columns) * (each + gap), y + row * (least.height + gap), each);
  });
  return { svg: tiles.join(""), height: Math.ceil(services.length / columns) * (least.height + gap) };
}

const serviceTile: Draw = (service, x, y, width) => {
  const { action, environment, commits } = service;
  const { sign, word } = actionSigns[action];
  const relation = commits.relation === "first" ? "" : ` ${relationText(commits)}`;
  const inside =
    element("title", {}, escapeHtml(`${environment}/${service.service}: ${word}, ${service.reason}`)) +
    rect("tile", x, y, width, tile.height, 6) +
    element("circle", { class: "disc", cx: x + 18, cy: y + tile.height / 2, r: 10 }) +
    text("sign", x + 18, y + tile.height / 2 + 5, sign) +
    text("name", x + 35, y + 20, fitting(service.service, width - 42, 8.2)) +
    text("what", x + 35, y + 36, `${environment}, ${word}${relation}`);
  return element("g", { class: `is-${action}` }, inside);
};

const unchangedTile: Draw = ({ service, environment }, x, y, width) => {
  const inside =
    element("title", {}, escapeHtml(`${environment}/${service}: ${actionSigns.none.word}`)) +
    rect("tile", x, y, width, stillTile.height, 6) +
    text("what", x + 8, y + 18, actionSigns.none.sign) +
    text("name", x + 18, y + 18, fitting(service, width - 22, 7));
  return element("g", { class: "is-none" }, inside);
};

/** As much of a name as is sure to fit, for a font of this width. */
function fitting(name: string, width: number, character: number): string {
  return plain(name, Math.max(4, Math.floor(width / character)));
}

function rect(name: string, x: number, y: number, width: number, height: number, radius: number): string {
  return element("rect", {
    class: name,
    x: round(x),
    y: round(y),
    width: round(width),
    height: round(height),
    rx: radius,
  });
}

function text(name: string, x: number, y: number, content: string): string {
  return element("text", { class: name, x: round(x), y: round(y) }, escapeHtml(content));
}

const round = (value: number) => Math.round(value * 10) / 10;
