import type { Keyring } from './credentials/keyring.ts';
import type { KeyLog } from './key-log.ts';
import type { TunnelDevices } from './tunnel-devices.ts';
import type { OpenSockets } from './tunnel-host-options.ts';

/** What is open when the IKE machine and the packet path are connected to it. */
export interface OpenParts {
  readonly devices: TunnelDevices;
  readonly udp: OpenSockets;
  readonly keyLog: KeyLog | undefined;
  readonly keyring: Keyring;
  readonly warn: (sentence: string) => void;
  readonly undo: (() => Promise<void>)[];
}
