/** Numbers for Prometheus, in its text format. Labels have few values: nothing that a client sends becomes one. */

/** Seconds; a pull of a manifest takes less than the first, a push over a slow line more than the last. */
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);

interface Histogram {
  readonly counts: number[];
  sum: number;
  count: number;
}

/** A number that is looked up when somebody asks. */
export interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly read: () => number;
}

/** What one registry has done since it began. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #durations = new Map<string, Histogram>();
  readonly #gauges: readonly Gauge[];
  #inFlight = 0;
  #sentBytes = 0;

  constructor(gauges: readonly Gauge[] = []) {
    this.#gauges = gauges;
  }

  begin(): void {
    this.#inFlight += 1;
  }

  /** One request is answered: its head is known, and how long the body will be. */
  end(request: { method: string; route: string; status: number; seconds: number; bytes: number }): void {
    this.#inFlight -= 1;
    this.#sentBytes += request.bytes;
    const labels = `route="${request.route}",method="${METHODS.has(request.method) ? request.method : "other"}"`;
    const counter = `${labels},status="${request.status}"`;
    this.#requests.set(counter, (this.#requests.get(counter) ?? 0) + 1);
    let histogram = this.#durations.get(labels);
    if (histogram === undefined) {
      histogram = { counts: BUCKETS.map(() => 0), sum: 0, count: 0 };
      this.#durations.set(labels, histogram);
    }
    const bucket = BUCKETS.findIndex((bound) => request.seconds <= bound);
    if (bucket >= 0) histogram.counts[bucket] = (histogram.counts[bucket] ?? 0) + 1;
    histogram.sum += request.seconds;
    histogram.count += 1;
  }

  /** All of it. Source: Prometheus, exposition formats, text-based format 0.0.4. */
  encode(): string {
    const lines: string[] = [];
    const head = (name: string, type: string, help: string): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`);
    };
    head("teu_registry_requests_total", "counter", "Requests answered.");
    for (const [labels, count] of this.#requests)
      lines.push(`teu_registry_requests_total{${labels}} ${count}`);
    head("teu_registry_request_seconds", "histogram", "Time from a request's head to its answer's head.");
    for (const [labels, { counts, sum, count }] of this.#durations) {
      let below = 0;
      for (const [index, bound] of BUCKETS.entries()) {
        below += counts[index] ?? 0;
        lines.push(`teu_registry_request_seconds_bucket{${labels},le="${bound}"} ${below}`);
      }
      lines.push(`teu_registry_request_seconds_bucket{${labels},le="+Inf"} ${count}`);
      lines.push(`teu_registry_request_seconds_sum{${labels}} ${sum}`);
      lines.push(`teu_registry_request_seconds_count{${labels}} ${count}`);
    }
    head("teu_registry_requests_in_flight", "gauge", "Requests that are being answered.");
    lines.push(`teu_registry_requests_in_flight ${this.#inFlight}`);
    head("teu_registry_sent_bytes_total", "counter", "Bytes of the bodies of answers, as announced.");
    lines.push(`teu_registry_sent_bytes_total ${this.#sentBytes}`);
    for (const { name, help, read } of this.#gauges) {
      head(name, "gauge", help);
      lines.push(`${name} ${read()}`);
    }
    return `${lines.join("\n")}\n`;
  }
}
