import type { CryptoProvider } from '@ipsec-kit/crypto';
import type { Answer, ChildInstallation } from '@ipsec-kit/ikev2';
import type { IpAddress, Path, Prefix, TrafficSelector } from '@ipsec-kit/ip';
import type { SaPair } from '@ipsec-kit/ipsec';
import { DEFAULT_OUTER_MTU, DEFAULT_TUN_MTU, innerMtuFor } from './inner-mtu.ts';
import type { KeyLog } from './key-log.ts';
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
  /** Holds ESP for an inbound SPI whose Child SA is being negotiated. */
  reserve(spi: number): void;
  release(spi: number): void;
  /** Child SAs that stand now, by id. */
  readonly children: ReadonlyMap<number, InstalledChild>;
}

/** What is kept of an installed Child SA: everything but the keys. */
export interface InstalledChild extends PlannedChild {
  readonly sessionId: number;
  readonly name: string;
}

/** The packet path, as far as Child SAs are concerned. */
export interface ChildPath {
  /** @returns nothing when the pair stands, or a promise that rejects when it cannot. @throws when it cannot. */
  install(pair: SaPair): void | Promise<void>;
  activateOutbound(pairId: number): void;
  movePeer(pairId: number, path: Path): void;
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

/** The packet engine's form of a negotiated Child SA.
 * @param tunMtu - MTU of the device that inner packets come from; the pair takes no larger ones.
 * @throws Error when the provider does not have the suite, which negotiation rules out.
 */
export function saPairFor(
  child: ChildInstallation,
  crypto: Pick<CryptoProvider, 'cipherShape'>,
  tunMtu: number = DEFAULT_TUN_MTU,
): SaPair {
  const shape = crypto.cipherShape(child.suite);
  if (!shape) throw new Error(`no cipher for ENCR ${child.suite.encryption}`);
  const { config, mode } = child;
  const outerVersion = child.path.remote.address.version;
  return {
    id: child.childId,
    suite: child.suite,
    inbound: {
      spi: child.inboundSpi,
      encryptionKey: child.inboundKeys.encryption,
      integrityKey: child.inboundKeys.integrity,
    },
    outbound: {
      spi: child.outboundSpi,
      encryptionKey: child.outboundKeys.encryption,
      integrityKey: child.outboundKeys.integrity,
    },
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
    mode,
    ...(child.transportAddresses ? { transportAddresses: child.transportAddresses } : {}),
    path: child.path,
    replayWindowPackets: config.replayWindowPackets,
    esn: child.esn,
    limits: {
      ...(config.rekeyBytes === undefined ? {} : { softBytes: config.rekeyBytes }),
      ...(config.rekeyPackets === undefined ? {} : { softPackets: config.rekeyPackets }),
      ...(config.hardBytes === undefined ? {} : { hardBytes: config.hardBytes }),
      ...(config.hardPackets === undefined ? {} : { hardPackets: config.hardPackets }),
    },
    ...(config.copyDscp === undefined ? {} : { copyDscp: config.copyDscp }),
    ...(isPadded(child) ? { tfcPadding: { minimumBytes: config.tfcPaddingBytes ?? 0 } } : {}),
    innerMtu: Math.min(tunMtu, innerMtuFor(shape, outerVersion, DEFAULT_OUTER_MTU, mode)),
    outboundActive: child.outboundActive,
  };
}

/** Whether what is sent is padded: it is wanted, the IP header inside tells what is padding, and the peer takes it.
 * @see RFC 4303 §2.7, RFC 7296 §1.3.1
 */
function isPadded({ config, mode, peerTakesTfc }: ChildInstallation): boolean {
  return (config.tfcPaddingBytes ?? 0) > 0 && mode === 'tunnel' && peerTakesTfc;
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
      try {
        standing = packetPath.install(saPairFor(child, crypto, tunMtu));
      } catch (error) {
        return refusal(error);
      }
      keyLog?.noteChild(child);
      if ((child.config.tfcPaddingBytes ?? 0) > 0 && !isPadded(child)) {
        options.onWarning?.(
          `Packets of Child SA ${child.config.name} show their size: the peer takes no padding`,
        );
      }
      children.set(childId, withoutKeys(child));
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
    reserve: (spi) => packetPath.reserveSpi(spi),
    release: (spi) => packetPath.releaseSpi(spi),
  };
}

const installed: Answer = { kind: 'install-child', ok: true };

function refusal(error: unknown): Answer {
  return { kind: 'install-child', ok: false, reason: messageOf(error) };
}

function withoutKeys(child: ChildInstallation): InstalledChild {
  return {
    sessionId: child.sessionId,
    name: child.config.name,
    localSelectors: child.localSelectors,
    remoteSelectors: child.remoteSelectors,
    virtualAddresses: child.virtualAddresses,
    dns: child.dns,
    path: child.path,
  };
}
