import { describe, expect, test } from "vitest";
import { Commit, Digest } from "../../lib/config/values.ts";
import { editPins, type PinChange } from "../../lib/pins/edit.ts";
import { commitA, commitB, digestA, digestB } from "../support.ts";

const change = (entry: object = {}, service = "frontend", environment: "prod" | "dev" = "prod"): PinChange => ({
  service,
  environment,
  entry: { commit: Commit.parse(commitB), digest: Digest.parse(digestB), ...entry },
});
const lines = (...all: readonly string[]) => all.join("\n");

describe("editPins", () => {
  test("a commit's bytes change, and no other", () => {
    const before = lines(
      "{",
      '  "version": 1,',
      '  "environments": { "prod": {',
      `    "frontend": {"commit" : "${commitA}", "digest":"${digestA}"}`,
      "  }}",
      "}",
    );
    expect(editPins(before, [change()])).toBe(before.replace(commitA, commitB).replace(digestA, digestB));
  });

  test("a digest is added as its neighbours are laid out", () => {
    const pin = (...inner: readonly string[]) =>
      `{\r\n\t"environments": {\r\n\t\t"prod": {\r\n\t\t\t"frontend": {${inner.join("")}}\r\n\t\t}\r\n\t}\r\n}`;
    expect(editPins(pin("\r\n\t\t\t\t", `"commit": "${commitA}"`, "\r\n\t\t\t"), [change()])).toBe(
      pin("\r\n\t\t\t\t", `"commit": "${commitB}",\r\n\t\t\t\t"digest": "${digestB}"`, "\r\n\t\t\t"),
    );
    expect(editPins(pin(` "commit": "${commitA}" `), [change()])).toBe(
      pin(` "commit": "${commitB}", "digest": "${digestB}" `),
    );
    expect(editPins(pin(`"commit":"${commitA}"`), [change()])).toBe(pin(`"commit":"${commitB}","digest":"${digestB}"`));
  });

  test("what the pin no longer has is taken out, with its comma", () => {
    const before = `{"environments":{"prod":{"frontend":{\n  "rollback": "why",\n  "commit": "${commitA}",\n  "digest": "${digestA}"\n}}}}`;
    expect(editPins(before, [change({ digest: undefined })])).toBe(
      `{"environments":{"prod":{"frontend":{\n  "commit": "${commitB}"\n}}}}`,
    );
  });

  test("a new pin is laid out as the pins beside it", () => {
    const pinOf = (name: string, commit: string) => [`      "${name}": {`, `        "commit": "${commit}"`, "      }"];
    const file = (...pins: readonly string[]) =>
      lines("{", '  "environments": {', '    "prod": {', ...pins, "    }", "  }", "}", "");
    const before = file(...pinOf("backend-core", commitA));
    const added = editPins(before, [change({ digest: undefined })]);
    expect(added).toBe(file(...pinOf("backend-core", commitA).slice(0, 2), "      },", ...pinOf("frontend", commitB)));
    const dev = editPins(before, [change({ digest: undefined }, "frontend", "dev")]);
    expect(dev).toBe(
      lines(
        before.slice(0, before.indexOf("\n    }\n")),
        "    },",
        '    "dev": {',
        ...pinOf("frontend", commitB),
        "    }",
        "  }",
        "}",
        "",
      ),
    );
  });

  test("a file without a pin is laid out by its own indentation", () => {
    const before = lines("{", '   "version": 1,', '   "environments": {', '      "prod": {}', "   }", "}");
    expect(editPins(before, [change({ digest: undefined })])).toBe(
      before.replace(
        "{}",
        lines("{", '         "frontend": {', `            "commit": "${commitB}"`, "         }", "      }"),
      ),
    );
    const compact = '{"version":1,"environments":{}}';
    expect(editPins(compact, [change({ digest: undefined })])).toBe(
      `{"version":1,"environments":{"prod":{"frontend":{"commit":"${commitB}"}}}}`,
    );
  });

  test("the same pin again changes nothing", () => {
    const once = editPins('{\n "version":1, "environments" : { } }', [change()]);
    expect(editPins(once, [change()])).toBe(once);
  });
});
