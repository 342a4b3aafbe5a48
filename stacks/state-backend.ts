import { mkdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { App, TerraformBackend, type TerraformRemoteState, type TerraformStack } from "cdktf";
import type { Site } from "../lib/config/site.ts";
import { UserError } from "../lib/errors.ts";
import { localStateFile } from "../lib/state.ts";

const maxIdentifierBytes = 63;

/**
 * Where a stack's state lies: local files, or whatever `context.backend` says. Every path carries the
 * target and the stack. Written as Terraform's JSON has it, because the bindings know neither the
 * kubernetes backend nor a pg backend whose connection string comes from the environment.
 */
export class StateBackend extends TerraformBackend {
  private readonly attributes: Readonly<Record<string, unknown>>;

  constructor(stack: TerraformStack, site: Site) {
    super(stack, "backend", site.backend.type);
    this.attributes = attributesOf(stack, site);
  }

  protected override synthesizeAttributes(): Record<string, unknown> {
    return { ...this.attributes };
  }

  getRemoteStateDataSource(): TerraformRemoteState {
    throw new Error("stacks do not read each other's state");
  }
}

function attributesOf(stack: TerraformStack, site: Site): Record<string, unknown> {
  const { backend, target } = site;
  const id = stack.node.id;
  switch (backend.type) {
    case "local":
      return { path: localPath(stack, localStateFile(site, id)) };
    case "pg":
      return { schema_name: schemaName(`${backend.schemaPrefix}_${target}_${id}`.replaceAll("-", "_")) };
    case "s3":
      return {
        bucket: backend.bucket,
        region: backend.region,
        key: `${backend.keyPrefix}/${target}/${id}.tfstate`,
        encrypt: true,
        use_lockfile: true,
        ...(backend.endpoint ? { endpoints: { s3: backend.endpoint } } : {}),
      };
    case "kubernetes":
      return { secret_suffix: `${target}-${id}`, namespace: backend.namespace, config_path: backend.configPath };
  }
}

/** PostgreSQL cuts a longer name off and says so to nobody: two stacks would have one state (Identifiers, NAMEDATALEN). */
function schemaName(name: string): string {
  if (Buffer.byteLength(name) <= maxIdentifierBytes) return name;
  throw new UserError({
    what: "cdktf.json: the PostgreSQL schema of a stack's state would have too long a name",
    found: `${name}, ${Buffer.byteLength(name)} bytes`,
    allowed: `${maxIdentifierBytes} bytes`,
    remedy:
      "shorten context.target or context.backend.schemaPrefix; where there is state already, rename its schema too",
  });
}

/** Relative to the folder that terraform runs in, so that a checkout can be moved. */
function localPath(stack: TerraformStack, file: string): string {
  mkdirSync(dirname(file), { recursive: true });
  return relative(join(App.of(stack).outdir, "stacks", stack.node.id), file);
}
