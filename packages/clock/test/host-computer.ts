import type { ClockHost } from '@ipsec-kit/clock';

/** A computer whose timers and monotonic clock stand still in suspend, and whose wall clock anybody may set. */
export class HostComputer implements ClockHost {
  awakeMs = 5_000;
  wallMs = 1_700_000_000_000;
  timersStarted = 0;
  #timers: { readonly at: number; readonly fire: () => void }[] = [];

  monotonicMs(): number {
    return this.awakeMs;
  }

  otherMs(): number {
    return this.wallMs;
  }

  startTimer(delayMs: number, fire: () => void): () => void {
    const timer = { at: this.awakeMs + delayMs, fire };
    this.timersStarted += 1;
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** The device sleeps. */
  suspend(ms: number): void {
    this.wallMs += ms;
  }

  /** The process is stopped: time goes on, timers come late. */
  stop(ms: number): void {
    this.awakeMs += ms;
    this.wallMs += ms;
  }

  run(ms: number): void {
    const end = this.awakeMs + ms;
    for (;;) {
      const [next] = this.#timers.sort((a, b) => a.at - b.at);
      if (!next || next.at > end) break;
      this.#timers.shift();
      const passedMs = Math.max(0, next.at - this.awakeMs);
      this.stop(passedMs);
      next.fire();
    }
    this.stop(Math.max(0, end - this.awakeMs));
  }
}
