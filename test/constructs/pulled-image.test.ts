import { Testing } from "cdktf";
import { expect, test } from "vitest";
import { ArtifactPreflight } from "../../constructs/artifact-preflight.ts";
import { HostDocker } from "../../constructs/host-docker.ts";
import { ImageDelivery } from "../../constructs/image-delivery.ts";
import { PulledImage } from "../../constructs/pulled-image.ts";
import { isComposePin } from "../../lib/config/deploy-file.ts";
import { loadPins } from "../../lib/config/site.ts";
import { nothingObserved } from "../../lib/observe/site.ts";
import { SiteStack } from "../../stacks/site-stack.ts";
import { commitA, digestA, siteOf } from "../support.ts";
import { appOf, runtimeOf } from "../synth.ts";

const registry = { host: "d601" as const, port: 5000 };
const endpoint = { host: "ssh://ubuntu@192.0.2.1:22", sshOptions: ["-o", "ProxyCommand=gate $" + "{host} %{x}"] };

function stackOf(pinned: object) {
  const site = siteOf({}, pinned);
  const [pin] = loadPins(site).filter(isComposePin);
  if (!pin) throw new Error("no pin");
  const runtime = runtimeOf(site);
  const stack = new SiteStack(appOf(site), "stack", { site, pins: [pin], runtime, observed: nothingObserved });
  const repair = { value: "", ignore: "repair" as const };
  const common = { runtime, registry, target: "d601" as const, repair };
  const preflight = new ArtifactPreflight(stack, "preflight", { ...common, pins: [pin] });
  const docker = new HostDocker(stack, "docker", { endpoint });
  const after = new PulledImage(stack, "frontend-image", { docker, registryPort: 5000, pin, preflight });
  const receipt = { key: { stack: "stack", name: "frontend-delivery" } as never, spec: "x" };
  new ImageDelivery(stack, "frontend-delivery", { ...common, pin, preflight, after, receipt });
  return JSON.parse(Testing.synth(stack, true));
}
const stack = stackOf({ commit: commitA, digest: digestA });

test("the image has its contract address, the registry's name by digest, and is never deleted", () => {
  expect(stack.resource.docker_image).toMatchObject({
    "frontend-image": {
      name: `127.0.0.1:5000/unidesk/frontend@${digestA}`,
      keep_locally: true,
      depends_on: ["null_resource.preflight"],
      lifecycle: { create_before_destroy: true },
    },
  });
});

test("without a digest the pin's commit is the tag", () => {
  const [image] = Object.values<{ name: string }>(stackOf({ commit: commitA }).resource.docker_image);
  expect(image?.name).toBe(`127.0.0.1:5000/unidesk/frontend:${commitA}`);
});

test("the provider takes nothing from the runner's environment, and its options are no templates", () => {
  expect(stack.provider.docker).toEqual([
    {
      host: "ssh://ubuntu@192.0.2.1:22",
      context: "",
      cert_path: "",
      ssh_opts: ["-o", "ProxyCommand=gate $$" + "{host} %%{x}"],
    },
  ]);
  expect(stack.terraform.required_providers.docker.version).toBe(">= 3.6.2, < 5.0.0");
});

test("the delivery comes after the image, and an image pulled anew does not run it again", () => {
  const { depends_on, lifecycle } = stack.resource.null_resource["frontend-delivery"];
  expect(depends_on).toEqual(["null_resource.preflight", "docker_image.frontend-image"]);
  expect(lifecycle).not.toHaveProperty("replace_triggered_by");
});
