import { imageLabels } from "../labels.ts";
import { expectEqual, type Verdict, verdictOf } from "./verdict.ts";

/** An image proves its commit and its service by its own labels. */
export function judgeImageLabels(
  wanted: { readonly service: string; readonly commit: string },
  labels: Readonly<Record<string, string>>,
  where: string,
): Verdict {
  return verdictOf([
    expectEqual(`image label ${imageLabels.revision}`, wanted.commit, labels[imageLabels.revision], where),
    expectEqual(`image label ${imageLabels.service}`, wanted.service, labels[imageLabels.service], where),
  ]);
}
