/** Environment variables that hand a step its input; never a secret among them. */
export const stepVariables = {
  spec: "UNIDESK_STEP_SPEC",
  connections: "UNIDESK_STEP_CONNECTIONS",
  bundle: "UNIDESK_STEP_BUNDLE_SHA256",
  receipt: "UNIDESK_STEP_RECEIPT",
  repair: "UNIDESK_STEP_REPAIR",
  /** Of the tunnel's holder, which a delivery starts. */
  tunnel: "UNIDESK_STEP_TUNNEL",
  approval: "UNIDESK_STEP_APPROVAL",
} as const;
