// Progress of steps that take more than a second: one rewriting line on a terminal, plain lines elsewhere.
const tty = process.stdout.isTTY === true && process.env.TERM !== "dumb";
const color = tty && !process.env.NO_COLOR;

/** @param {number} code @param {string} text */
const paint = (code, text) => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
export const green = (/** @type {string} */ text) => paint(32, text);
export const red = (/** @type {string} */ text) => paint(31, text);

/** @param {string} text */
function rewrite(text) {
  const width = (process.stdout.columns || 80) - 1;
  process.stdout.write(`\r\u001b[K${text.length > width ? `${text.slice(0, width - 1)}…` : text}`);
}

/**
 * Runs a step and shows it once it has taken a second.
 * @template T
 * @param {string} title
 * @param {(detail: (text: string) => void) => Promise<T>} work gets a function that shows what goes on inside
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const start = Date.now();
  const seconds = () => Math.round((Date.now() - start) / 1000);
  let detail = "";
  let shown = false;
  let nextLine = 1;
  const timer = setInterval(() => {
    if (tty) rewrite(`  ${title}  ${seconds()} s  ${detail}`);
    else if (seconds() >= nextLine) {
      console.log(shown ? `  ${title}: ${seconds()} s` : `  ${title} …`);
      nextLine = seconds() + 30;
    }
    shown = true;
  }, 1000);
  let mark = red("✗");
  try {
    const result = await work((text) => {
      detail = text;
    });
    mark = green("✓");
    return result;
  } finally {
    clearInterval(timer);
    if (tty && shown) process.stdout.write("\r\u001b[K");
    if (shown) console.log(`${mark} ${title} (${((Date.now() - start) / 1000).toFixed(1)} s)`);
  }
}
