import { spawn } from "node:child_process";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const scriptsFolder = fileURLToPath(new URL("../../automation/scripts", import.meta.url));
export const bot = "unidesk-bot";

export interface Comment {
  id: number;
  body: string;
  user: { login: string };
}

/** Stands for the REST API of GitHub, or of Gitea, which answers with all comments whatever page is asked for. */
export class Forge {
  comments: Comment[] = [];
  /** Answers besides comments, by path. */
  readonly replies = new Map<string, unknown>();
  readonly requests: string[] = [];
  /** Answers with this status from now on. */
  status = 0;
  paged = true;
  private next = 1000;
  private readonly server: Server;

  constructor() {
    this.server = createServer(async (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? "/", "http://forge");
      const path = pathname.replace("/repos/ann/site", "");
      this.requests.push(`${request.method} ${path}`);
      const answer = (status: number, body: unknown) => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(status === 204 ? "" : JSON.stringify(body));
      };
      if (request.headers.authorization !== "Bearer s3cret") return answer(401, { message: "Bad credentials" });
      if (this.status) return answer(this.status, { message: "the forge says no" });
      if (path === "/issues/7/comments" && request.method === "GET") {
        const size = Number(searchParams.get("per_page"));
        const from = (Number(searchParams.get("page")) - 1) * size;
        return answer(200, this.paged ? this.comments.slice(from, from + size) : this.comments);
      }
      if (path === "/issues/7/comments" && request.method === "POST") {
        const { body } = await bodyOf(request);
        this.comments.push({ id: this.next, body, user: { login: bot } });
        return answer(201, { id: this.next++ });
      }
      const comment = this.comments.find(({ id }) => path === `/issues/comments/${id}`);
      if (comment && request.method === "PATCH") {
        comment.body = (await bodyOf(request)).body;
        return answer(200, comment);
      }
      if (comment && request.method === "DELETE") {
        this.comments = this.comments.filter((one) => one !== comment);
        return answer(204, undefined);
      }
      if (this.replies.has(path)) return answer(200, this.replies.get(path));
      return answer(404, { message: "Not Found" });
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
  }

  async close(): Promise<void> {
    await new Promise((resolve) => this.server.close(resolve));
  }

  add(login: string, body: string): number {
    const id = this.next++;
    this.comments.push({ id, body, user: { login } });
    return id;
  }

  get environment(): Record<string, string> {
    return {
      UNIDESK_API_URL: `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`,
      UNIDESK_REPOSITORY: "ann/site",
      UNIDESK_TOKEN: "s3cret",
      UNIDESK_BOT: bot,
      no_proxy: "127.0.0.1",
    };
  }
}

async function bodyOf(request: IncomingMessage): Promise<{ body: string }> {
  let text = "";
  request.setEncoding("utf8");
  for await (const chunk of request) text += chunk;
  return JSON.parse(text);
}

export interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs one of the scripts, without blocking the server that it talks to. */
export function script(
  name: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  cwd = process.cwd(),
): Promise<Ended> {
  return runProgram(join(scriptsFolder, name), args, { PATH: process.env.PATH, HOME: cwd, ...environment }, cwd);
}

/** A program with this environment and no other. */
export async function runProgram(
  file: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<Ended> {
  const child = spawn(file, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => {
    stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    stderr += chunk;
  });
  const exitCode = await new Promise<number | null>((resolve) => child.on("close", resolve));
  return { exitCode, stdout, stderr };
}
