import { expect, test } from "vitest";
import { parse } from "yaml";
import { labelsOverrideFunction } from "../../lib/compose/labels-override.ts";
import { bash, commitA, digestA } from "../support.ts";

const override = (...args: string[]) =>
  bash(`set -u\n${labelsOverrideFunction}\nlabels_override "$@"`, args).stdout.toString();

test("is a Compose file with the labels of one service", () => {
  const text = override("todo-note", `dev.unidesk.deploy.commit=${commitA}`, `dev.unidesk.deploy.digest=${digestA}`);
  expect(parse(text)).toEqual({
    services: {
      "todo-note": { labels: { "dev.unidesk.deploy.commit": commitA, "dev.unidesk.deploy.digest": digestA } },
    },
  });
});

test.each(["$(id)", "$HOME", 'a"b', "two words", "", "a\nb"])("leaves the value %j out", (value) => {
  const text = override("todo-note", `dev.unidesk.deploy.commit=${value}`, "dev.unidesk.deploy.service=todo-note");
  expect(parse(text)).toEqual({ services: { "todo-note": { labels: { "dev.unidesk.deploy.service": "todo-note" } } } });
});
