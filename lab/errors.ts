/** A failure that a person can act on: printed as its message alone, without a stack. */
export class LabError extends Error {
  override readonly name = "LabError";
  readonly exitCode: number;

  constructor(message: string, options: { readonly cause?: unknown; readonly exitCode?: number } = {}) {
    super(message, { cause: options.cause });
    this.exitCode = options.exitCode ?? 1;
  }
}
