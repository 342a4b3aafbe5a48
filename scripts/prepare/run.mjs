import { spawn } from "node:child_process";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { delimiter, join } from "node:path";

/** @type {Set<import("node:child_process").ChildProcess>} */
const running = new Set();

/** Ends the children of an interrupted run. */
export function stopChildren() {
  for (const child of running) child.kill("SIGTERM");
}

/**
 * Runs a command to its end; never throws for its exit code.
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, timeoutSeconds?: number, onLine?: (line: string) => void }} [options]
 * @returns {Promise<{ code: number, stdout: string, output: string, timedOut: boolean }>} `output` is both streams
 */
export function run(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: options.env ?? process.env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    let stdout = "";
    let output = "";
    let timedOut = false;
    const timer = options.timeoutSeconds
      ? setTimeout(() => {
          timedOut = true;
          child.kill("SIGKILL");
        }, options.timeoutSeconds * 1000)
      : undefined;
    /** @param {number} code */
    const end = (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, stdout, output, timedOut });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (/** @type {string} */ text) => {
        if (stream === child.stdout) stdout += text;
        output += text;
        const line = text.trimEnd().split("\n").at(-1);
        if (line) options.onLine?.(line);
      });
    }
    child.on("error", (error) => {
      output += String(error);
      end(127);
    });
    child.on("close", (code) => end(code ?? 1));
  });
}

/** @param {string} text @param {number} [count] */
export const lastLines = (text, count = 12) => text.trimEnd().split("\n").slice(-count).join("\n");

/** @param {string} file */
function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return statSync(file).isFile();
  } catch {
    return false;
  }
}

/**
 * Every program of one of these names on PATH, in PATH's order.
 * @param {readonly string[]} names
 * @returns {string[]}
 */
export function onPath(...names) {
  return (process.env.PATH ?? "")
    .split(delimiter)
    .filter(Boolean)
    .flatMap((folder) => names.map((name) => join(folder, name)))
    .filter(isExecutable);
}

/**
 * Our own terraform launcher (tools/terraform), which is no Terraform.
 * @param {string} file
 */
export const isLauncher = (file) => {
  const head = readFileSync(file).subarray(0, 80).toString("latin1");
  return head.startsWith("#!/bin/sh\n# unidesk-terraform-launcher");
};
