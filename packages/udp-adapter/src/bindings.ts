import {
  type Endpoint,
  endpointsEqual,
  formatAddress,
  hasAddress,
  type IpAddress,
  isUnspecified,
} from '@ipsec-kit/ip';
import { type EveryAddress, listAddresses } from './every-address.ts';
import { packedEndpointAt } from './packed-endpoint.ts';
import { UdpBindError, udpBindError } from './udp-bind-error.ts';

/** Tries for one free port on all addresses: each can be taken on one of them. */
const FREE_PORT_TRIES = 16;
const MOST_SOCKETS = 512;
/** Scratch ports that may be open at once. */
export const MOST_SCRATCH_PORTS = 64;

/** What a look at the machine's addresses changed. */
export interface EndpointChanges {
  readonly added: readonly Endpoint[];
  readonly removed: readonly Endpoint[];
  /** New addresses on which a port could not be opened; tried again at the next refresh. */
  readonly failed: readonly UdpBindError[];
}

/** A socket on one local address. */
export interface BoundSocket {
  readonly endpoint: Endpoint;
  /** The endpoint as half of a packed path. */
  readonly packed: Uint8Array;
  close(): Promise<void>;
}

/** Opens a socket on one address; port 0 takes a free one.
 * @throws UdpBindError when the system refuses.
 */
export type OpenSocket<Socket extends BoundSocket> = (
  wanted: Endpoint,
  isScratch: boolean,
) => Promise<Socket>;

/** The sockets of an adapter, and what they were asked to be. */
export interface Bindings<Socket extends BoundSocket> {
  /** All that are open, scratch ports included. */
  readonly sockets: readonly Socket[];
  /** Where others may send to: all but the scratch ports. */
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly number[];
  open(bind: readonly Endpoint[] | EveryAddress): Promise<void>;
  refresh(): Promise<EndpointChanges>;
  /** Closes all sockets, scratch ports included, until {@link resume}: another process may have the ports. `endpoints` goes on to name
   * them.
   */
  suspend(): Promise<void>;
  /** Opens them again, on those of their addresses that are still there.
   * @throws UdpBindError when somebody else has one; none is open then.
   */
  resume(): Promise<void>;
  /** Opens a free port beside those that were asked for, to be given back with {@link closeScratch}.
   * @throws UdpBindError when the system refuses; RangeError when {@link MOST_SCRATCH_PORTS} are open.
   */
  openScratch(address: IpAddress): Promise<Socket>;
  /** Closes a scratch port; an unknown one is taken as closed. */
  closeScratch(endpoint: Endpoint): Promise<void>;
  /** The socket on the packed endpoint at `offset` of `paths`. */
  socketAt(paths: Uint8Array, offset: number): Socket | undefined;
  /** Forgets and closes a broken socket. */
  drop(socket: Socket): void;
  close(): Promise<void>;
}

/** Makes an empty set of sockets. */
export function createBindings<Socket extends BoundSocket>(
  openSocket: OpenSocket<Socket>,
): Bindings<Socket> {
  let sockets: Socket[] = [];
  let scratch: readonly Socket[] = [];
  let ports: number[] = [];
  let everywhere: EveryAddress | undefined;
  let isClosed = false;
  /** What is to be opened again. */
  let suspended: readonly Endpoint[] | undefined;
  // Most packets leave from the socket that the one before left from.
  let lastUsed: Socket | undefined;
  // One change after the other: two refreshes at once would open the same address twice.
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<Result>(change: () => Promise<Result>): Promise<Result> {
    const done = last.then(change, change);
    last = done.catch(() => undefined);
    return done;
  }

  async function openExact(endpoints: readonly Endpoint[]): Promise<void> {
    for (const endpoint of endpoints) refuseUnspecified(endpoint);
    const opened: Socket[] = [];
    try {
      for (const endpoint of endpoints) opened.push(await openSocket(endpoint, false));
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
    sockets = opened;
    ports = opened.map((socket) => socket.endpoint.port);
  }

  async function openEverywhere(wanted: EveryAddress): Promise<void> {
    const addresses = listAddresses(wanted);
    refuseTooMany(addresses.length * wanted.ports.length);
    if (addresses.length === 0) {
      throw new Error('this machine has no address to receive on: bring a network interface up');
    }
    const opened: Socket[] = [];
    try {
      for (const port of wanted.ports) {
        opened.push(...(await openPortEverywhere(port, addresses, openSocket)));
        ports.push(opened.at(-1)?.endpoint.port ?? port);
      }
    } catch (error) {
      ports = [];
      await closeAll(opened);
      throw error;
    }
    sockets = opened;
    everywhere = wanted;
  }

  async function lookAgain(wanted: EveryAddress): Promise<EndpointChanges> {
    const addresses = listAddresses(wanted);
    refuseTooMany(addresses.length * ports.length);
    const gone = sockets.filter((socket) => !hasAddress(addresses, socket.endpoint.address));
    sockets = sockets.filter((socket) => !gone.includes(socket));
    lastUsed = undefined;
    await closeAll(gone);
    const added: Endpoint[] = [];
    const failed: UdpBindError[] = [];
    const missing = ports
      .flatMap((port) => addresses.map((address) => ({ address, port })))
      .filter((endpoint) => !hasSocket(sockets, endpoint));
    for (const endpoint of missing) {
      const socket = await openIfThere(endpoint, openSocket).catch((error: unknown) => {
        failed.push(udpBindError(error, endpoint));
        return undefined;
      });
      if (!socket) continue;
      sockets = [...sockets, socket];
      added.push(socket.endpoint);
    }
    return { added, removed: gone.map((socket) => socket.endpoint), failed };
  }

  async function openScratch(address: IpAddress): Promise<Socket> {
    refuseUnspecified({ address, port: 0 });
    if (isClosed || suspended || scratch.length >= MOST_SCRATCH_PORTS) {
      throw new RangeError(`no more than ${MOST_SCRATCH_PORTS} scratch ports can be open at once`);
    }
    const socket = await openSocket({ address, port: 0 }, true);
    scratch = [...scratch, socket];
    return socket;
  }

  async function suspend(): Promise<void> {
    if (suspended || isClosed) return;
    suspended = sockets.map((socket) => socket.endpoint);
    const open = [...sockets, ...scratch];
    sockets = [];
    scratch = [];
    lastUsed = undefined;
    await closeAll(open);
  }

  async function resume(): Promise<void> {
    if (!suspended || isClosed) return;
    const opened: Socket[] = [];
    try {
      for (const endpoint of suspended) {
        const socket = await openIfThere(endpoint, openSocket);
        if (socket) opened.push(socket);
      }
    } catch (error) {
      await closeAll(opened);
      throw error;
    }
    suspended = undefined;
    sockets = opened;
  }

  return {
    get sockets(): readonly Socket[] {
      return scratch.length === 0 ? sockets : [...sockets, ...scratch];
    },
    get endpoints(): readonly Endpoint[] {
      return suspended ?? sockets.map((socket) => socket.endpoint);
    },
    get ports(): readonly number[] {
      return ports;
    },
    open: (bind) => inTurn(() => ('ports' in bind ? openEverywhere(bind) : openExact(bind))),
    refresh: () =>
      inTurn(async () => {
        if (!everywhere || isClosed || suspended) return { added: [], removed: [], failed: [] };
        return lookAgain(everywhere);
      }),
    suspend: () => inTurn(suspend),
    resume: () => inTurn(resume),
    openScratch: (address) => inTurn(() => openScratch(address)),
    closeScratch: (endpoint) =>
      inTurn(async () => {
        const gone = scratch.filter((socket) => endpointsEqual(socket.endpoint, endpoint));
        scratch = scratch.filter((socket) => !gone.includes(socket));
        lastUsed = undefined;
        await closeAll(gone);
      }),
    socketAt(paths: Uint8Array, offset: number): Socket | undefined {
      if (lastUsed && packedEndpointAt(paths, offset, lastUsed.packed)) return lastUsed;
      const isAt = (socket: Socket): boolean => packedEndpointAt(paths, offset, socket.packed);
      lastUsed = sockets.find(isAt) ?? scratch.find(isAt);
      return lastUsed;
    },
    drop(socket: Socket): void {
      lastUsed = undefined;
      sockets = sockets.filter((other) => other !== socket);
      scratch = scratch.filter((other) => other !== socket);
      void socket.close();
    },
    close: () =>
      inTurn(async () => {
        isClosed = true;
        lastUsed = undefined;
        const open = [...sockets, ...scratch];
        sockets = [];
        scratch = [];
        await closeAll(open);
      }),
  };
}

async function openPortEverywhere<Socket extends BoundSocket>(
  wantedPort: number,
  addresses: readonly IpAddress[],
  openSocket: OpenSocket<Socket>,
): Promise<Socket[]> {
  for (let attempt = 1; ; attempt += 1) {
    const opened: Socket[] = [];
    let port = wantedPort;
    try {
      for (const address of addresses) {
        const socket = await openIfThere({ address, port }, openSocket);
        if (!socket) continue;
        opened.push(socket);
        port = socket.endpoint.port;
      }
      return opened;
    } catch (error) {
      await closeAll(opened);
      const isTaken = error instanceof UdpBindError && error.code === 'EADDRINUSE';
      if (wantedPort !== 0 || !isTaken || attempt === FREE_PORT_TRIES) throw error;
    }
  }
}

/** An address may vanish, or still be under duplicate address detection: it is there at the next refresh. */
async function openIfThere<Socket extends BoundSocket>(
  endpoint: Endpoint,
  openSocket: OpenSocket<Socket>,
): Promise<Socket | undefined> {
  try {
    return await openSocket(endpoint, false);
  } catch (error) {
    if (error instanceof UdpBindError && error.code === 'EADDRNOTAVAIL') return undefined;
    throw error;
  }
}

function hasSocket(sockets: readonly BoundSocket[], wanted: Endpoint): boolean {
  return sockets.some((socket) => endpointsEqual(socket.endpoint, wanted));
}

async function closeAll(sockets: readonly BoundSocket[]): Promise<void> {
  await Promise.all(sockets.map((socket) => socket.close()));
}

function refuseUnspecified(endpoint: Endpoint): void {
  if (!isUnspecified(endpoint.address)) return;
  throw new TypeError(
    `"bind" expected addresses of this machine, got ${formatAddress(endpoint.address)}: a socket on it cannot tell to which address a datagram came; use { ports: [${endpoint.port}] }`,
  );
}

function refuseTooMany(sockets: number): void {
  if (sockets <= MOST_SOCKETS) return;
  throw new Error(
    `this machine has too many addresses to open all of them (${sockets} sockets, at most ${MOST_SOCKETS}): name the addresses to receive on`,
  );
}
