/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    {
      name: "lib-knows-no-cdktf",
      severity: "error",
      comment: "lib serves commands and steps too; only constructs and stacks speak Terraform",
      from: { path: "^lib/" },
      to: { path: "node_modules/(cdktf|constructs|@cdktf)/" },
    },
    {
      name: "lib-imports-nothing-above",
      severity: "error",
      from: { path: "^lib/" },
      to: { path: "^(constructs|stacks|lab|bin|test|main|app|policies)" },
    },
    {
      name: "constructs-import-nothing-above",
      severity: "error",
      from: { path: "^constructs/" },
      to: { path: "^(stacks|lab|bin|test|main|app|policies)" },
    },
    {
      name: "stacks-import-nothing-above",
      severity: "error",
      from: { path: "^stacks/" },
      to: { path: "^(lab|bin|test|main|app|policies)" },
    },
    {
      name: "product-knows-no-lab",
      severity: "error",
      from: { path: "^(lib|constructs|stacks|bin|main|app|policies)" },
      to: { path: "^(lab|test)/" },
    },
    {
      name: "verdicts-are-pure",
      severity: "error",
      comment: "a verdict judges what was observed; it never looks itself",
      from: { path: "^lib/verdicts/" },
      to: {
        path: "^(node:|lib/(ssh|observe|steps|registry/(client|open)|delivery|publish)/?)|node_modules/execa",
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "verdicts-use-no-core-module",
      severity: "error",
      from: { path: "^lib/verdicts/" },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "constructs-read-no-files",
      severity: "error",
      comment: "files are parsed once, in lib/config",
      from: { path: "^constructs/" },
      to: { path: "^(node:)?fs" },
    },
    {
      name: "policies-see-the-report-alone",
      severity: "error",
      comment: "a policy judges what the review found; it never looks itself",
      from: { path: "^policies/" },
      to: { pathNot: "^(policies/|lib/(catalog|config)/|lib/review/(policy|report)[.]ts$)" },
    },
    {
      name: "policies-import-types-alone",
      severity: "error",
      from: { path: "^policies/" },
      to: { path: "^lib/", dependencyTypesNot: ["type-only"] },
    },
    { name: "no-unresolved", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "no-dev-dependency-in-product",
      severity: "error",
      from: { path: "^(lib|constructs|stacks|bin|main|app)" },
      to: { dependencyTypes: ["npm-dev"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".mjs"],
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
    },
    skipAnalysisNotInRules: true,
  },
};
