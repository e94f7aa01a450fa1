/** What became of the numbered echoes of one of many clients. */
export interface EchoesOfClient {
  readonly name: string;
  readonly sent: number;
  /** Answers, each counted once. */
  readonly received: number;
  readonly doubled: number;
  /** When the last answer came, in milliseconds since 1970. */
  readonly lastAt: number;
  /** When its session ended; 0 for never. */
  readonly endedAt: number;
}
