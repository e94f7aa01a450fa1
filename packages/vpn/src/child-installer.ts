import type { CipherShape, CryptoProvider } from '@ipsec-kit/crypto';
import type { Answer, ChildInstallation, ChildMode } from '@ipsec-kit/ikev2';
import type { IpAddress, Path, Prefix, TrafficSelector } from '@ipsec-kit/ip';
import { innerMtuOfPath, type SaPair } from '@ipsec-kit/ipsec';
import { DEFAULT_TUN_MTU } from './default-mtu.ts';
import type { KeyLog } from './key-log.ts';
import { isPadded, saPairFor } from './sa-pair-for.ts';
import type { TunConfigurator } from './tun-configurator.ts';
import { type PlannedChild, planTun } from './tun-plan.ts';
import { messageOf } from './vpn-error.ts';

/** Puts Child SAs into the packet path and sets up the TUN device for them. */
export interface ChildInstaller {
  /** Sets the device up for what is known before the first child: the routes of the pools, and those of traps. Rejects
   * when it cannot be.
   */
  prepare(): Promise<void>;
  /** Brings the device to what stands at the end of this turn: what goes and comes in one turn changes nothing. */
  refresh(): void;
  /** The answer to an `install-child` request: at once when the device needs no change, later when it does. */
  install(child: ChildInstallation): Answer | Promise<Answer>;
  remove(childId: number): void;
  move(childId: number, path: Path): void;
  activate(childId: number): void;
  /** It sends no more, and receives on. */
  deactivate(childId: number): void;
  /** Holds ESP for an inbound SPI whose Child SA is being negotiated. */
  reserve(spi: number): void;
  release(spi: number): void;
  /** Has the packets of a session fit into outer packets of this size, those of TCP as well. */
  changeOuterMtu(sessionId: number, outerMtu: number): void;
  /** How large a probe is inside, padding included, whose outer packet has this size; `undefined` without such a child. */
  probeBytes(childId: number, outerBytes: number): number | undefined;
  /** Child SAs that stand now, by id. */
  readonly children: ReadonlyMap<number, InstalledChild>;
}

/** What is kept of an installed Child SA: everything but the keys. */
export interface InstalledChild extends PlannedChild {
  readonly sessionId: number;
  readonly name: string;
  readonly mode: ChildMode;
  /** Sizes that its cipher adds. */
  readonly shape: CipherShape | undefined;
  /** Whether the path may be probed through it: packets are padded behind their end. @see RFC 4303 §2.7 */
  readonly takesProbes: boolean;
  /** What its packets may have inside. */
  readonly innerMtu: number;
  /** Whether that comes through, as a probe has shown; before, TCP takes less. */
  readonly isMtuKnown: boolean;
}

/** The packet path, as far as Child SAs are concerned. */
export interface ChildPath {
  /** @returns nothing when the pair stands, or a promise that rejects when it cannot. @throws when it cannot. */
  install(pair: SaPair): void | Promise<void>;
  activateOutbound(pairId: number): void;
  deactivateOutbound(pairId: number): void;
  movePeer(pairId: number, path: Path): void;
  changeInnerMtu(pairId: number, innerMtu: number): void;
  remove(pairId: number): void;
  reserveSpi(spi: number): void;
  releaseSpi(spi: number): void;
}

export interface ChildInstallerOptions {
  readonly packetPath: ChildPath;
  readonly crypto: Pick<CryptoProvider, 'cipherShape'>;
  /** Absent when another program sends and receives the inner packets itself. */
  readonly tun?: TunConfigurator;
  readonly tunMtu?: number;
  /** The largest outer packet that is known to come through to the peer of a session. */
  readonly outerMtuOf?: (sessionId: number) => number | undefined;
  readonly poolPrefixes?: readonly Prefix[];
  /** Selectors of this side that are known before the first child: see {@link planTun}. */
  readonly localSelectors?: readonly TrafficSelector[];
  readonly hostAddresses?: () => readonly IpAddress[];
  /** Local ports of the sockets that IKE and ESP go through. */
  readonly outsidePorts?: readonly number[];
  /** Children whose traffic is awaited: the device serves them as if they stood. */
  readonly trapped?: () => readonly PlannedChild[];
  readonly keyLog?: Pick<KeyLog, 'noteChild'>;
  /** Told when the device could not be brought back after a child went; one sentence. */
  readonly onWarning?: (sentence: string) => void;
}

/** Makes an installer for one packet path and, when there is one, its TUN device. */
export function createChildInstaller(options: ChildInstallerOptions): ChildInstaller {
  const { packetPath, crypto, tun, keyLog } = options;
  const tunMtu = options.tunMtu ?? DEFAULT_TUN_MTU;
  const children = new Map<number, InstalledChild>();
  let isRefreshDue = false;

  function configureTun(): Promise<void> | undefined {
    return tun?.apply(
      planTun({
        mtu: tunMtu,
        children: [...children.values(), ...(options.trapped?.() ?? [])],
        poolPrefixes: options.poolPrefixes ?? [],
        localSelectors: options.localSelectors ?? [],
        hostAddresses: options.hostAddresses?.() ?? [],
        outsidePorts: options.outsidePorts ?? [],
      }),
    );
  }

  function refresh(): void {
    if (isRefreshDue) return;
    isRefreshDue = true;
    queueMicrotask(() => {
      isRefreshDue = false;
      configureTun()?.catch((error) =>
        options.onWarning?.(`The TUN device could not be brought up to date: ${messageOf(error)}`),
      );
    });
  }

  function remove(childId: number): void {
    if (!children.delete(childId)) return;
    packetPath.remove(childId);
    refresh();
  }

  return {
    children,
    async prepare() {
      await configureTun();
    },
    install(child) {
      const { childId } = child;
      let standing: void | Promise<void>;
      let pair: SaPair;
      try {
        pair = saPairFor(child, crypto, tunMtu, options.outerMtuOf?.(child.sessionId));
        standing = packetPath.install(pair);
      } catch (error) {
        return refusal(error);
      }
      keyLog?.noteChild(child);
      if ((child.config.tfcPaddingBytes ?? 0) > 0 && !isPadded(child)) {
        options.onWarning?.(
          `Packets of Child SA ${child.config.name} show their size: the peer takes no padding`,
        );
      }
      children.set(childId, withoutKeys(child, crypto.cipherShape(child.suite), pair.innerMtu));
      const configured = configureTun();
      if (!standing && !configured) return installed;
      return Promise.all([standing, configured]).then(
        () => installed,
        (error) => {
          remove(childId);
          return refusal(error);
        },
      );
    },
    refresh,
    remove,
    move(childId, path) {
      const child = children.get(childId);
      if (!child) return;
      children.set(childId, { ...child, path });
      packetPath.movePeer(childId, path);
      configureTun()?.catch((error) =>
        options.onWarning?.(`The TUN device does not follow the peer: ${messageOf(error)}`),
      );
    },
    activate(childId) {
      if (children.has(childId)) packetPath.activateOutbound(childId);
    },
    deactivate(childId) {
      if (children.has(childId)) packetPath.deactivateOutbound(childId);
    },
    changeOuterMtu(sessionId, outerMtu) {
      for (const [childId, child] of children) {
        if (child.sessionId !== sessionId) continue;
        const innerMtu = Math.min(tunMtu, carriedBy(child, outerMtu) ?? tunMtu);
        if (innerMtu === child.innerMtu && child.isMtuKnown) continue;
        children.set(childId, { ...child, innerMtu, isMtuKnown: true });
        packetPath.changeInnerMtu(childId, innerMtu);
      }
    },
    probeBytes(childId, outerBytes) {
      const child = children.get(childId);
      return child && carriedBy(child, outerBytes);
    },
    reserve: (spi) => packetPath.reserveSpi(spi),
    release: (spi) => packetPath.releaseSpi(spi),
  };
}

const installed: Answer = { kind: 'install-child', ok: true };

function refusal(error: unknown): Answer {
  return { kind: 'install-child', ok: false, reason: messageOf(error) };
}

/** The largest packet inside whose outer packet has at most this size. */
function carriedBy({ shape, path, mode }: InstalledChild, outerBytes: number): number | undefined {
  return shape && innerMtuOfPath(shape, outerBytes, path.remote.address.version, mode);
}

function withoutKeys(
  child: ChildInstallation,
  shape: CipherShape | undefined,
  innerMtu: number,
): InstalledChild {
  return {
    sessionId: child.sessionId,
    name: child.config.name,
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
    virtualAddresses: child.virtualAddresses,
    dns: child.dns,
    path: child.path,
    mode: child.mode,
    shape,
    takesProbes: child.mode === 'tunnel' && child.peerTakesTfc,
    innerMtu,
    isMtuKnown: false,
  };
}
