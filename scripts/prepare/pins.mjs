// What can be built here, pinned exactly. A build's folder is named by a hash of its pin.
import { createHash } from "node:crypto";

/**
 * @typedef {object} Provider
 * @property {string} namespace
 * @property {string} type
 * @property {string} version what Terraform sees; within the stacks' version ranges
 * @property {string} module Go module that holds the plugin's source
 * @property {string} pin module version to build
 * @property {readonly string[]} [unused] required modules that the build needs nothing of and that cannot be had
 */

/** @type {readonly Provider[]} */
export const providers = [
  {
    // Newer revisions cannot be had from the Go module proxy. This one is 2.1.2 on the standalone plugin SDK,
    // under the module path that the provider had then; its schema is the one of 3.2.
    namespace: "hashicorp",
    type: "null",
    version: "2.1.2",
    module: "github.com/terraform-providers/terraform-provider-null",
    pin: "v1.0.1-0.20191204185112-e5c592237f62",
  },
  {
    namespace: "kreuzwerker",
    type: "docker",
    version: "4.6.0",
    module: "github.com/kreuzwerker/terraform-provider-docker",
    pin: "v0.0.0-20260916201441-96d331c98ff4",
  },
  {
    // Newer revisions cannot be had from the Go module proxy; kubernetes_deployment and kubernetes_service are
    // the ones of 2.x and 3.x.
    namespace: "hashicorp",
    type: "kubernetes",
    version: "1.13.4",
    module: "github.com/hashicorp/terraform-provider-kubernetes",
    pin: "v1.13.4",
    unused: ["vbom.ml/util"],
  },
];

export const openTofu = { module: "github.com/opentofu/opentofu", pin: "v1.12.6", package: "./cmd/tofu" };

/** Folder names under which Terraform and OpenTofu look for a provider without a host of its own. */
export const providerHosts = ["registry.terraform.io", "registry.opentofu.org"];

export const pinsHash = createHash("sha256").update(JSON.stringify(providers)).digest("hex").slice(0, 12);
