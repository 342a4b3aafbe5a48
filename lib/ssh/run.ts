import type { Writable } from "node:stream";
import { execa } from "execa";
import pRetry, { AbortError } from "p-retry";
import type { Connection } from "../config/hosts.ts";
import { InfraBlockedError, UserError } from "../errors.ts";
import { keepAlive } from "./lifeline.ts";
import { observingCommand, observingRefusal, observingWord } from "./observing.ts";
import { controlPath, sshOptions } from "./options.ts";
import { shellCommand } from "./quote.ts";

export interface RemoteOptions {
  /** Text or bytes for the command's standard input; secrets go this way, never in the arguments. */
  readonly input?: string | Uint8Array;
  /** Upper bound for the whole call, in seconds; 0 is none. @default 60 */
  readonly timeoutSeconds?: number;
  /** Ends the call, whatever the host does. @default - it ends by itself */
  readonly cancel?: AbortSignal;
  /** Called with every line that the command prints on standard error. */
  readonly onProgress?: (line: string) => void;
  /**
   * Standard input stays open with a line every few seconds until this aborts, so that the command can
   * end itself when the runner is gone. @default - standard input is `input` and ends
   */
  readonly lifeline?: AbortSignal;
  /** A terminal's Ctrl-C goes to this process alone and not to the command; its lifeline ends it. @default false */
  readonly outlivesInterrupt?: boolean;
}

export interface RemoteResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** sshd refused or dropped the connection before the command began: trying again is safe. */
const dropped = /kex_exchange_identification|Connection reset by|Connection closed by|mux_client_request_session/;

/** What ssh says where the shared connection has no session left; it then opens a connection of its own, so nothing failed. */
const crowded = /^mux_client_request_session: session request failed: Session open refused by peer\r?(?:\n|$)/gm;

/** A command did not end in the time that it had; what it did until then is not known. */
export class NoEndError extends UserError {}

/** Output beyond this is cut by killing the command: no host can fill the runner's memory. */
const maxOutputBytes = 16 * 1024 * 1024;

/**
 * Runs a bash script on a host with positional arguments and returns whatever it exits with.
 * Throws InfraBlockedError where the host cannot be reached.
 */
export async function runScript(
  host: Connection,
  script: string,
  args: readonly string[] = [],
  options: RemoteOptions = {},
): Promise<RemoteResult> {
  if (host.access !== "observe") return runCommand(host, ["bash", "-c", script, "unidesk", ...args], options);
  const result = await runCommand(host, observingCommand(script, args), options);
  if (result.exitCode === observingRefusal) throw refused(host, result.stderr);
  if (result.exitCode === 127 && result.stderr.includes(observingWord)) throw notForced(host);
  return result;
}

/** The host's own words, which have a remedy where there is one. */
function refused(host: Connection, stderr: string): UserError {
  const [found = "no reason given", remedy = "set UNIDESK_ACCESS=deploy and use a key that may deploy"] = (
    lastLines(stderr, 1) || "no reason given"
  ).split(/: (?=npx )/);
  return new UserError({ what: `${host.name}: an observing key may not run this`, found, remedy });
}

/** The host's shell itself looked for the program, so the key can run anything. */
function notForced(host: Connection): UserError {
  return new UserError({
    what: `${host.name}: UNIDESK_ACCESS=observe says that this key can only look, but the host lets it run commands`,
    remedy: "npx unidesk observer install --key FILE.pub with a key of its own, or unset UNIDESK_ACCESS",
  });
}

/** The same for one command with arguments. */
export async function runCommand(
  host: Connection,
  argv: readonly string[],
  options: RemoteOptions = {},
): Promise<RemoteResult> {
  // Outside the retries: without a pinned key trying again helps nobody.
  const command = host.kind === "local" ? argv : ["ssh", ...joinMaster(host), "--", host.address, shellCommand(argv)];
  return pRetry(() => runOnce(host, argv, command, options), {
    retries: 4,
    minTimeout: 200,
    factor: 2,
    randomize: true,
  });
}

async function runOnce(
  host: Connection,
  argv: readonly string[],
  [file, ...args]: readonly string[],
  options: RemoteOptions,
): Promise<RemoteResult> {
  const seconds = options.timeoutSeconds ?? 60;
  const child = execa(file ?? "", args, {
    ...(options.lifeline ? { stdin: "pipe" as const } : { input: options.input ?? "" }),
    detached: options.outlivesInterrupt ?? false,
    timeout: seconds * 1000,
    ...(options.cancel ? { cancelSignal: options.cancel } : {}),
    forceKillAfterDelay: 2000,
    maxBuffer: maxOutputBytes,
    stripFinalNewline: false,
    reject: false,
  });
  const forwarded = options.onProgress && forwardLines(child.iterable({ from: "stderr" }), options.onProgress);
  const letGo = options.lifeline && child.stdin ? holdLifeline(child.stdin, options.lifeline) : () => {};
  const result = await child.finally(letGo);
  await forwarded;
  const { stdout } = result;
  const stderr = withoutCrowding(result.stderr);
  if (result.timedOut) {
    throw new AbortError(
      new NoEndError({
        what: `${host.name}: no end after ${seconds} s of: ${describe(argv)}`,
        found: lastLines(stderr) || "no output on standard error",
        remedy: `look at the host: ssh ${host.user}@${host.address} -p ${host.port}`,
      }),
    );
  }
  if (result.isMaxBuffer) {
    throw new AbortError(
      new UserError({
        what: `${host.name}: too much output of: ${describe(argv)}`,
        found: `larger than ${maxOutputBytes} bytes`,
      }),
    );
  }
  if (result.exitCode === undefined) {
    throw new AbortError(
      new UserError({ what: `${host.name}: ${file} did not end by itself`, found: result.shortMessage ?? "killed" }),
    );
  }
  if (host.kind === "ssh" && result.exitCode === 255) {
    const error = unreachable(host, stderr);
    throw dropped.test(result.stderr) && stdout === "" ? error : new AbortError(error);
  }
  return { exitCode: result.exitCode, stdout, stderr };
}

/** Returns what lets go of it once the command has ended. */
function holdLifeline(input: Writable, lifeline: AbortSignal): () => void {
  const { end } = keepAlive(input);
  if (lifeline.aborted) end();
  lifeline.addEventListener("abort", end, { once: true });
  return () => {
    end();
    lifeline.removeEventListener("abort", end);
  };
}

function withoutCrowding(stderr: string): string {
  return stderr.replaceAll(crowded, "");
}

async function forwardLines(lines: AsyncIterable<string>, onLine: (line: string) => void): Promise<void> {
  try {
    for await (const line of lines) if (line === "" || withoutCrowding(line) !== "") onLine(line);
  } catch {
    // The command failed; its result says so.
  }
}

/** Joins the host's shared connection where there is one; never opens one (a race would open many). */
function joinMaster(host: Connection): string[] {
  return [...sshOptions(host), "-o", "ControlMaster=no", "-o", `ControlPath=${controlPath(host)}`];
}

/** What to say about a host that ssh could not reach. The reason is ssh's own last line. */
export function unreachable(host: Connection, stderr: string): InfraBlockedError {
  const wrongKey = /host key verification failed|REMOTE HOST IDENTIFICATION HAS CHANGED|No \S+ host key is known/i.test(
    stderr,
  );
  return new InfraBlockedError(
    {
      what: wrongKey
        ? `${host.name}: the host key of ${host.address}:${host.port} is not one of the pinned keys; nothing was sent`
        : `${host.name}: cannot be reached by SSH at ${host.user}@${host.address}:${host.port}`,
      // ssh's own advice, to remove the known key, would undo the pinning.
      found: wrongKey ? "Host key verification failed." : lastLines(stderr) || "ssh exited with 255",
      ...(wrongKey ? { allowed: `the ${host.hostKeys.length} key lines of context.hosts.${host.name}.hostKeys` } : {}),
      remedy: wrongKey
        ? "compare the key on the host's console; correct hostKeys only if the host was really reinstalled"
        : "check that the host is up, and its address, port, user and identityFile in cdktf.json",
    },
    [`${host.name}:ssh`],
  );
}

/** The tail of an error output, on one line. */
export function lastLines(text: string, count = 5): string {
  return text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("@"))
    .slice(-count)
    .join(" | ");
}

function describe(argv: readonly string[]): string {
  const line = argv[0] === "bash" ? `script ${argv.slice(4).join(" ")}` : argv.join(" ");
  return line.length > 120 ? `${line.slice(0, 117)}...` : line;
}
