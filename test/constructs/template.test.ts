import { expect, test } from "vitest";
import { escapeTemplate } from "../../constructs/template.ts";

// Both are doubled in Terraform's strings; in a JavaScript replacement text "$$" is one dollar.
test.each([
  ["%{http_code}", "%%{http_code}"],
  [`\${name:-0}`, `$\${name:-0}`],
  [`a \${b} %{c} \${d}`, `a $\${b} %%{c} $\${d}`],
])("%s is literal as %s", (text, escaped) => expect(escapeTemplate(text)).toBe(escaped));

test.each(["$name $(id) $$ $", "100% %s", "{a}", "$ {a}"])("%s is no template", (text) => {
  expect(escapeTemplate(text)).toBe(text);
});
