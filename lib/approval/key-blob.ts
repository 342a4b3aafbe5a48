/** The part of a public key line that says which key it is; type and comment aside. */
export function keyBlob(line: string): string {
  return line.trim().split(/\s+/)[1] ?? "";
}
