import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { type IpAddress, parseAddress } from '@ipsec-kit/ip';
import type { NetworkSource } from './network-source.ts';
import type { RouteRecordKind } from './route-message.ts';

const MOST_OUTPUT_BYTES = 8 * 1024 * 1024;
const TIMEOUT_MS = 5_000;

/** The network as the `ip` command of iproute2 tells it, where there is no FFI; a process for each look. It does not know of
 * gateways' link-layer addresses.
 */
export function ipCommandSource(command: string = 'ip'): NetworkSource {
  const run = promisify(execFile);
  const json = async (...args: readonly string[]): Promise<readonly unknown[]> => {
    const { stdout } = await run(command, ['-j', ...args], {
      maxBuffer: MOST_OUTPUT_BYTES,
      timeout: TIMEOUT_MS,
    });
    const parsed: unknown = stdout.trim() === '' ? [] : JSON.parse(stdout);
    return Array.isArray(parsed) ? parsed : [];
  };
  return {
    name: 'ip',
    async read() {
      const devices = await json('address');
      const routes4 = await json('-4', 'route', 'show', 'default');
      const routes6 = await json('-6', 'route', 'show', 'default');
      return recordsOfIp(devices, [
        { version: 4, routes: routes4 },
        { version: 6, routes: routes6 },
      ]);
    },
    watch(onChange, onEnd) {
      const child = spawn(command, ['-o', 'monitor', 'link', 'address', 'route'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let isOver = false;
      const end = (reason: string): void => {
        if (isOver) return;
        isOver = true;
        onEnd(reason);
      };
      child.stdout.on('data', onChange);
      child.on('error', (error) => end(`"${command} monitor" cannot be run (${error.message})`));
      child.on('exit', (code) => end(`"${command} monitor" has ended (${code})`));
      return () => {
        isOver = true;
        child.kill();
      };
    },
  };
}

/** Reads the output of `ip -j address` and `ip -j route`; what is not as expected is left out. */
export function recordsOfIp(
  devices: readonly unknown[],
  routeLists: readonly { readonly version: 4 | 6; readonly routes: readonly unknown[] }[],
): readonly RouteRecordKind[] {
  const links = devices.map(objectOf).flatMap((device): RouteRecordKind[] => {
    const { ifindex, ifname, mtu } = device;
    if (typeof ifindex !== 'number' || typeof ifname !== 'string') return [];
    const flags = arrayOf(device.flags);
    const isUp = flags.includes('UP') && flags.includes('LOWER_UP');
    const isLoopback = flags.includes('LOOPBACK');
    return [
      {
        kind: 'link',
        index: ifindex,
        name: ifname,
        isUp,
        isLoopback,
        mtu: typeof mtu === 'number' ? mtu : 0,
      },
      ...arrayOf(device.addr_info).flatMap((info) => addressRecord(ifindex, objectOf(info))),
    ];
  });
  const indexOf = (name: unknown): number | undefined =>
    links.find((link) => link.kind === 'link' && link.name === name)?.index;
  const routes = routeLists.flatMap(({ version, routes: list }) =>
    list.map(objectOf).flatMap(({ dst, dev, gateway, metric }): RouteRecordKind[] => {
      const index = indexOf(dev);
      if (dst !== 'default' || index === undefined) return [];
      return [
        {
          kind: 'default-route',
          version,
          index,
          gateway: addressFrom(gateway),
          metric: typeof metric === 'number' ? metric : 0,
        },
      ];
    }),
  );
  return [...links, ...routes];
}

function addressRecord(index: number, info: Readonly<Record<string, unknown>>): RouteRecordKind[] {
  const address = addressFrom(info.local);
  const { prefixlen } = info;
  if (address === undefined || typeof prefixlen !== 'number') return [];
  const isUsable = info.tentative !== true && info.dadfailed !== true;
  const isDeprecated = info.deprecated === true;
  return [{ kind: 'address', index, address, prefixLength: prefixlen, isUsable, isDeprecated }];
}

function addressFrom(text: unknown): IpAddress | undefined {
  return typeof text === 'string' ? parseAddress(text) : undefined;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

function arrayOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
