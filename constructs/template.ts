/** Literal text inside a Terraform string: `${` and `%{` would begin a template (language spec, "Strings and Templates"). */
export function escapeTemplate(text: string): string {
  return text.replaceAll(/[$%]\{/g, (opening) => opening.charAt(0) + opening);
}
