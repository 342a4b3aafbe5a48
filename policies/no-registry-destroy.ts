import type { Finding, Policy, ResourceChange } from "../lib/review/policy.ts";

const stack = "d601-registry";

/** The folder on the host and where it lies in the container. */
const storage = /registry-storage|\/var\/lib\/registry/;

export const policy: Policy = {
  name: "no-registry-destroy",
  describe: "Nothing of the artifact registry is deleted or replaced, and its storage is not touched",
  check({ stacks, services }) {
    const all = [
      ...stacks.map(({ name, changes }) => ({ name, changes })),
      ...services.map((service) => ({ name: service.stack, changes: service.changes })),
    ];
    const unplanned = stacks.filter(({ action }) => action === "error").map(({ name }) => unknown(name));
    return [...unplanned, ...all.flatMap(({ name, changes }) => changes.flatMap((change) => judge(name, change)))];
  },
};

function judge(name: string, change: ResourceChange): Finding[] {
  const { action, address } = change;
  if (name === stack && (action === "delete" || action === "replace" || action === "forget")) {
    return [deny(name, `${action}s ${address}: every deployment pulls from the registry`)];
  }
  if (name === stack && isNew(change)) return [];
  if (touchesStorage(change)) return [deny(name, `${action} of ${address} touches the registry's storage`)];
  return [];
}

/** What the state does not have yet: the registry's own files name its storage when they are written for the first time. */
function isNew({ action, fields }: ResourceChange): boolean {
  return (
    (action === "run" || action === "create") && fields.length > 0 && fields.every(({ before }) => before === null)
  );
}

/** A value that names the storage before and after, such as a whole file's content, does not touch it by itself. */
function touchesStorage({ address, meaning, fields }: ResourceChange): boolean {
  if (storage.test(address) || storage.test(meaning)) return true;
  return fields.some(({ path, before, after }) => {
    return storage.test(path) || storage.test(before ?? "") !== storage.test(after ?? "");
  });
}

function unknown(subject: string): Finding {
  return {
    rule: policy.name,
    level: "warn",
    subject,
    message: "whether it touches the registry is unknown: it could not be planned",
    allow: "mend what the stack cannot be planned for, then review again",
  };
}

function deny(subject: string, message: string): Finding {
  return {
    rule: policy.name,
    level: "deny",
    subject,
    message,
    allow: 'move the registry by hand, or add "no-registry-destroy" to context.policies.disabled in cdktf.json',
  };
}
