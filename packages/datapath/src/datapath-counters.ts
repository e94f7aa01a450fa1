/** Datagrams and packets that passed the loop; what the engine and the adapters drop they count themselves. */
export interface DatapathCounters {
  readonly ikeReceived: number;
  readonly ikeSent: number;
  /** Datagrams with ESP that were given to the engine. */
  readonly espReceived: number;
  readonly keepalivesReceived: number;
  readonly keepalivesSent: number;
  /** Too short to be IKE, ESP or a keepalive. */
  readonly malformed: number;
  /** Packets that the engine held until their SA stood, and that went on: to the host, and to be sealed. */
  readonly releasedToHost: number;
  readonly releasedToPeers: number;
  /** ICMP errors that the engine returned to the host. */
  readonly errorsToHost: number;
  /** Batches or messages in which a handler or the engine threw. */
  readonly defects: number;
}

/** Counters that nothing has passed yet, to be counted up. */
export function nothingCounted(): { -readonly [Name in keyof DatapathCounters]: number } {
  return {
    ikeReceived: 0,
    ikeSent: 0,
    espReceived: 0,
    keepalivesReceived: 0,
    keepalivesSent: 0,
    malformed: 0,
    releasedToHost: 0,
    releasedToPeers: 0,
    errorsToHost: 0,
    defects: 0,
  };
}
