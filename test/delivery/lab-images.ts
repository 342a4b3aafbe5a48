import { labExec } from "../../lab/index.ts";
import type { StepSpecs } from "../../lib/steps/specs.ts";
import { registry } from "../lab-support.ts";

/** A layer of random bytes: its name and size in MB. The same name is the same layer in every image. */
export type TestLayer = readonly [name: string, megabytes: number];

export interface TestImage {
  readonly service: string;
  readonly commit: string;
  readonly stableImage: string;
  readonly digest: string;
  /** Id with the classic image store. */
  readonly id: string;
}

const folder = "/var/tmp/unidesk-test-images";

const script = `
folder=$1 reference=$2 service=$3 commit=$4
shift 4
mkdir -p "$folder" && cd "$folder"
echo 'FROM scratch' > Dockerfile
for layer in "$@"; do
  name=\${layer%:*}
  [ -s "$name" ] || head -c "\${layer#*:}M" /dev/urandom > "$name"
  echo "COPY $name /" >> Dockerfile
done
echo "LABEL org.opencontainers.image.revision=$commit dev.unidesk.service=$service" >> Dockerfile
echo 'CMD ["none"]' >> Dockerfile
docker build -q -t "$reference" . >&2
docker push -q "$reference" >&2
docker image inspect -f '{{index .RepoDigests 0}} {{.Id}}' "$reference"
`;

/** Publishes an image of layers that no other one has; `removeImages` takes everything away again. */
export async function pushImage(name: string, commit: string, layers: readonly TestLayer[]): Promise<TestImage> {
  const service = `ut-${name}`;
  const reference = `${registry.address}:${registry.port}/unidesk/${service}:${commit}`;
  const words = layers.map(([layer, megabytes]) => `${layer}:${megabytes}`);
  const args = ["bash", "-ceu", script, "image", folder, reference, service, commit, ...words];
  const [digestRef = "", id = ""] = (await labExec("d601", args)).trim().split("\n").at(-1)?.split(" ") ?? [];
  return { service, commit, stableImage: `unidesk-${service}`, digest: digestRef.replace(/^.*@/, ""), id };
}

export function deliverySpec(
  image: TestImage,
  target: "d601" | "main-server" = "main-server",
): StepSpecs["image-delivery"] {
  const { service, commit, digest, stableImage } = image;
  const artifact = { service, repository: `unidesk/${service}`, commit, digest };
  return { registry: { host: "d601", port: registry.port }, target, artifact, stableImage };
}

/** Takes every image of these tests off a host, layers included. */
export async function removeImages(host: "d601" | "main-server"): Promise<void> {
  const list =
    "docker image ls --digests --format '{{.Repository}} {{.ID}}' | awk '$1 ~ /(unidesk-|\\/unidesk\\/)ut-/ { print $2 }' | sort -u";
  await labExec(host, `ids=$(${list}); [ -z "$ids" ] || docker rmi -f $ids >/dev/null; rm -rf ${folder}`);
}
