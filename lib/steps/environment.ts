/** Environment variables that hand a step its input; never a secret among them. */
export const stepVariables = {
  spec: "UNIDESK_STEP_SPEC",
  connections: "UNIDESK_STEP_CONNECTIONS",
  bundle: "UNIDESK_STEP_BUNDLE_SHA256",
  receipt: "UNIDESK_STEP_RECEIPT",
  repair: "UNIDESK_STEP_REPAIR",
} as const;
