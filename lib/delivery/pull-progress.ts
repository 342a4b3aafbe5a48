/** Words of docker pull's plain output about one layer. */
const layerLine = /^[0-9a-f]{12}: (.+)$/;
/** Its lines about the whole image; the result is said elsewhere. */
const noise = /^(\S+: Pulling from |Digest: |Status: |127\.0\.0\.1:\d+\/\S+$)/;

/** Docker says nothing while a large layer arrives. */
const silenceMs = 4000;

/** Turns docker pull's lines into at most one line a second. Any other line, such as an error, is passed on. */
export class PullProgress {
  private done = 0;
  private total = 0;
  private countedAt = Number.NEGATIVE_INFINITY;
  private saidAt: number;
  private said = "";

  constructor(private readonly now: () => number = Date.now) {
    this.saidAt = now();
  }

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
    if (this.now() - this.saidAt < silenceMs) return undefined;
    this.saidAt = this.now();
    return `still pulling, ${Math.round(seconds)} s`;
  }

  private say(text: string): string | undefined {
    if (text === this.said || this.done === 0 || this.now() - this.countedAt < 1000) return undefined;
    this.said = text;
    this.countedAt = this.now();
    this.saidAt = this.now();
    return text;
  }
}
