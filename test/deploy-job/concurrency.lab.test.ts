import { afterAll, beforeAll, expect, test } from "vitest";
import { labExec } from "../../lab/index.ts";
import type { ComposeTarget } from "../../lib/compose/target.ts";
import { fileOn, home, lines } from "../lab-support.ts";
import { composeTarget } from "../support.ts";
import { older, useFrontend } from "./support.ts";

const { steps } = useFrontend([older]);
const project = "unidesk-test-many";
const root = `${home}/${project}`;
const envFile = `${root}/compose.env`;
const services = Array.from({ length: 13 }, (_, index) => `many-${index + 1}`);
const key = (service: string) => `UNIDESK_${service.toUpperCase().replaceAll("-", "_")}_DEPLOY_`;

function target(service: string): ComposeTarget {
  return composeTarget({
    container: `${project}-${service}`,
    composeService: service,
    stableImage: `${project}-${service}`,
    project,
    root,
    envFile: { path: envFile },
    health: { port: 8080, path: "/health", deadlineSeconds: 60, commitFrom: "reply" },
  });
}

beforeAll(async () => {
  const entries = services.map(
    (service) => `  ${service}:
    container_name: ${project}-${service}
    image: ${project}-${service}
    stop_grace_period: 1s
    environment:
      UNIDESK_DEPLOY_REQUESTED_COMMIT: "\${${key(service)}REQUESTED_COMMIT:-}"
`,
  );
  const script =
    'mkdir -p "$1"; cat > "$1/docker-compose.yml"; printf "A=1\\n# foreign\\n" > "$2"; chown -R ubuntu: "$1"';
  const input = `services:\n${entries.join("")}`;
  await labExec("main-server", ["sh", "-ceu", script, "project", root, envFile], { input });
  const build = `for service in ${services.join(" ")}; do
    printf 'FROM unidesk-frontend:${older}\\n' | docker build -q --label dev.unidesk.service=$service -t ${project}-$service:${older} - >/dev/null
  done`;
  await labExec("main-server", build, { timeoutMs: 200_000 });
});
afterAll(async () => {
  const containers = services.map((service) => `${project}-${service}`).join(" ");
  const images = services.flatMap((service) => [`${project}-${service}`, `${project}-${service}:${older}`]).join(" ");
  const left = `${root} ${home}/.unidesk/deploy-jobs/${project} ${home}/.unidesk/deploy-history/many-*`;
  await labExec(
    "main-server",
    `docker rm -f ${containers}; docker network rm ${project}_default; docker rmi ${images}; rm -rf ${left}`,
    { timeoutMs: 200_000 },
  );
});

test("13 services that deploy at once lose nothing, and each is deployed", async () => {
  const outcomes = await Promise.all(
    services.map((service) => {
      const artifact = { service, repository: `unidesk/${service}`, commit: older };
      return steps.run("compose-deployment", { artifact, target: target(service) }, ["main-server"]);
    }),
  );
  expect(outcomes.filter(({ exitCode }) => exitCode !== 0).map(({ output }) => output)).toEqual([]);
  const { bytes } = await fileOn("main-server", envFile);
  expect(bytes.startsWith("A=1\n# foreign\n")).toBe(true);
  const ours = lines(bytes).filter((line) => line.startsWith("UNIDESK_"));
  expect(ours.sort()).toEqual(
    services
      .flatMap((service) => [
        `${key(service)}COMMIT=${older}`,
        `${key(service)}DIGEST=`,
        `${key(service)}IMAGE=127.0.0.1:5000/unidesk/${service}:${older}`,
        `${key(service)}REQUESTED_COMMIT=${older}`,
      ])
      .sort(),
  );
  const said = outcomes.map(({ output }) => output).join("\n");
  expect(said).toMatch(
    new RegExp(`waiting for another deployment of project ${project}: many-\\d+ ${older} by .+, for \\d+ s`),
  );
});
