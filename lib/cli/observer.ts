import { type Command, Option } from "commander";
import { type HostName, hostNames } from "../config/hosts.ts";
import { loadSite, overridesOf, type Site } from "../config/site.ts";
import { exitCodes, UserError } from "../errors.ts";
import { installObserver, type ObserverState, removeObserver } from "../observer/install.ts";
import { observerOptions, observerProgram } from "../observer/program.ts";
import { readPublicKey } from "../observer/public-key.ts";
import { observerScripts } from "../observer/scripts.ts";
import { openMaster } from "../ssh/master.ts";
import { print, printJson, printTable, withProgress } from "./output.ts";

interface ObserverOptions {
  readonly host?: HostName;
  readonly key?: string;
  readonly json?: boolean;
}

export function addObserverCommands(program: Command, root: string): void {
  const observer = program.command("observer").description("keys that can look at the hosts and do nothing else");
  const host = () => new Option("--host <host>", "one host; without it both").choices(hostNames);
  observer
    .command("render")
    .description("print what a host's observing keys may run, as `observer install` would write it")
    .addOption(host().makeOptionMandatory())
    .action(({ host: name = "d601" }: ObserverOptions) => {
      process.stdout.write(observerProgram(observerScripts(loadSite(root, overridesOf(process.env)), name)));
    });
  observer
    .command("install")
    .description("let a key run what a review runs, and bring that up to date; again changes nothing")
    .option("--key <file>", "public key to allow; without it what is installed is brought up to date")
    .addOption(host())
    .option("--json", "print JSON")
    .action(async ({ key, host: name, json }: ObserverOptions) => {
      const publicKey = key === undefined ? undefined : readPublicKey(key);
      const site = loadSite(root, overridesOf(process.env));
      const states = await onHosts(site, name, "installing", (one) => installObserver(site, one, publicKey));
      if (json) return printJson({ ok: true, hosts: states });
      printTable(["host", "program", "key"], states.map(rowOf));
      if (publicKey) print(`authorized_keys: ${observerOptions} ${publicKey.type} …`);
    });
  observer
    .command("remove")
    .description("take the program and every key that runs it away")
    .addOption(host())
    .option("--json", "print JSON")
    .action(async ({ host: name, json }: ObserverOptions) => {
      const site = loadSite(root, overridesOf(process.env));
      const states = await onHosts(site, name, "removing", async (one) => ({
        host: one,
        observer: await removeObserver(site, one),
      }));
      if (json) return printJson({ ok: true, hosts: states });
      printTable(
        ["host", "observer"],
        states.map((one) => [one.host, one.observer]),
      );
    });
}

function rowOf({ host, program, key }: ObserverState): string[] {
  return [host, program === "absent" ? "none; name a --key" : program, key ?? "-"];
}

/** A host that the runner itself is has no SSH, and so nothing to observe by. */
function onHosts<T>(
  site: Site,
  name: HostName | undefined,
  what: string,
  work: (host: HostName) => Promise<T>,
): Promise<T[]> {
  const wanted = (name ? [name] : hostNames).filter((one) => site.connections[one].kind === "ssh");
  if (wanted.length === 0) {
    throw new UserError(
      { what: `no host is reached by SSH: nothing to observe by`, found: name ?? hostNames.join(", ") },
      exitCodes.usage,
    );
  }
  return withProgress(what, () =>
    Promise.all(
      wanted.map(async (one) => {
        await openMaster(site.connections[one]);
        return work(one);
      }),
    ),
  );
}
