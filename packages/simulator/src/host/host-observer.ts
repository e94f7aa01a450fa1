import type { ChildInstallation, SessionEvent } from '@ipsec-kit/ikev2';

/** Is told what passes between the machines of a host, for tests that keep account of it. Nothing it does changes anything. */
export interface HostObserver {
  /** A Child SA is about to be installed, with its keys. */
  installing?(child: ChildInstallation): void;
  /** A Child SA was to be removed. @param wasThere - false when it did not stand (any more). */
  removed?(childId: number, wasThere: boolean): void;
  reserved?(spi: number): void;
  released?(spi: number): void;
  /** An event of a session, while the keys in it are still there. */
  event?(event: SessionEvent): void;
  /** An ESP packet leaves. */
  espSent?(packet: Uint8Array): void;
  /** An ESP packet has come, before it is opened. */
  espArrived?(packet: Uint8Array): void;
  /** An inner packet has come out of a tunnel. */
  opened?(inner: Uint8Array): void;
}
