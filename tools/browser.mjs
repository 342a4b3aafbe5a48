/** Programs that are a Chromium, the one of Debian's packages first. */
export const browserPrograms = /** @type {const} */ (["chromium", "chromium-browser", "google-chrome-stable"]);
