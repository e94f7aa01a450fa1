import type { RouteRecordKind } from './route-message.ts';

/** Where a network monitor learns what the network is, and that it has changed. */
export interface NetworkSource {
  /** For status and logs: `netlink`, `ip`. */
  readonly name: string;
  /** Everything there is now. */
  read(): Promise<readonly RouteRecordKind[]>;
  /** Calls `onChange` after every change, maybe many times for one, until the returned function is called. It keeps the process alive.
   * @param onEnd - no more changes will be told, for this reason.
   */
  watch(onChange: () => void, onEnd: (reason: string) => void): () => void;
}

/** The source is to be had, or one sentence says why not. */
export type NetworkSourceResult =
  | { readonly ok: true; readonly source: NetworkSource }
  | { readonly ok: false; readonly reason: string };
