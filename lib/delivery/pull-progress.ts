/** Words of docker pull's plain output about one layer. */
const layerLine = /^[0-9a-f]{12}: (.+)$/;
/** Its lines about the whole image; the result is said elsewhere. */
const noise = /^(\S+: Pulling from |Digest: |Status: |127\.0\.0\.1:\d+\/\S+$)/;

/** Turns docker pull's lines into at most one line a second. Any other line, such as an error, is passed on. */
export class PullProgress {
  private done = 0;
  private total = 0;
  private saidAt = Number.NEGATIVE_INFINITY;
  private said = "";

  constructor(private readonly now: () => number = Date.now) {}

  /** What to say after this line, if anything. */
  line(text: string): string | undefined {
    const words = layerLine.exec(text.trim())?.[1];
    if (words === undefined) return text.trim() === "" || noise.test(text) ? undefined : text;
    if (words === "Pulling fs layer") this.total += 1;
    if (words === "Pull complete") this.done += 1;
    return this.total === 0 ? undefined : this.say(`unpacked ${this.done} of ${this.total} layers`);
  }

  /** What to say while Docker is silent. */
  silence(seconds: number): string | undefined {
    return this.now() - this.saidAt < 4000 ? undefined : `still pulling, ${Math.round(seconds)} s`;
  }

  private say(text: string): string | undefined {
    if (text === this.said || this.done === 0 || this.now() - this.saidAt < 1000) return undefined;
    this.said = text;
    this.saidAt = this.now();
    return text;
  }
}
