import { describe, expect, it } from 'vitest';
import { interopGate } from '../../../../.ci/interop-gate.ts';
import { IpsecKit } from './lab/ipsec-kit.ts';
import { addresses, createLab, type Host, type Lab } from './lab/lab.ts';
import { standingSessions } from './lab/standing-sessions.ts';
import { StrongSwan } from './lab/strongswan.ts';

const gate = interopGate(
  ['root', 'tun', 'netns', 'nft', 'strongswan'],
  'uniqueness with strongSwan in both roles',
);

const policies = ['never', 'no', 'keep', 'replace'] as const;
type Policy = (typeof policies)[number];
const secret = 'secret = "correct horse battery staple"';

interface Row {
  readonly policy: Policy;
  /** Whether the client says INITIAL_CONTACT: one with `unique = never` does not. */
  readonly contact: boolean;
}
const rows: readonly Row[] = policies.flatMap((policy) => [
  { policy, contact: true },
  { policy, contact: false },
]);
const nameOf = ({ policy, contact }: Row): string => `${policy}-${contact ? 'contact' : 'silent'}`;

/** A server with one connection for each row: the client of a row has its name. */
function serverFor(): string {
  const connection = (row: Row, index: number): string => `
  ${nameOf(row)} {
    local_addrs = ${addresses.right.v4}
    encap = yes
    unique = ${row.policy}
    proposals = aes256-sha256-x25519
    local {
      auth = psk
      id = server
    }
    remote {
      auth = psk
      id = ${nameOf(row)}
    }
    children {
      net {
        local_ts = 10.77.${index}.0/24
        remote_ts = 10.66.${index}.0/24
        esp_proposals = aes256gcm16
      }
    }
  }`;
  const secrets = rows.map((row, index) => `ike-${index} {\n id = ${nameOf(row)}\n ${secret}\n }`);
  return `connections {${rows.map(connection).join('\n')}\n}\nsecrets {\n${secrets.join('\n')}\n}\n`;
}

/** A client with one connection for each row, at `local`. */
function clientFor(some: readonly Row[], local: string): string {
  const connection = (row: Row): string => {
    const index = rows.indexOf(row);
    return `
  ${nameOf(row)} {
    local_addrs = ${local}
    remote_addrs = ${addresses.right.v4}
    encap = yes
    unique = ${row.contact ? 'no' : 'never'}
    proposals = aes256-sha256-x25519
    local {
      auth = psk
      id = ${nameOf(row)}
    }
    remote {
      auth = psk
      id = server
    }
    children {
      net-${nameOf(row)} {
        local_ts = 10.66.${index}.0/24
        remote_ts = 10.77.${index}.0/24
        esp_proposals = aes256gcm16
      }
    }
  }`;
  };
  return `connections {${some.map(connection).join('\n')}\n}\nsecrets {\nike-server {\n id = server\n ${secret}\n }\n}\n`;
}

/** Where a client that has died comes back: at the old place, its new IKE SA would pass for a reauthentication. */
const places = [addresses.left.v4, '10.99.0.11'] as const;

/** Opens all rows, dies, comes back and opens them again. @returns the rows whose second IKE SA was refused. */
async function openTwice(left: Host): Promise<readonly string[]> {
  const refused: string[] = [];
  for (const place of places) {
    const client = await StrongSwan.start(left, clientFor(rows, place));
    for (const row of rows) {
      const said = await client.initiate(`net-${nameOf(row)}`).catch(String);
      if (/AUTH_FAILED|AUTHENTICATION_FAILED/.test(said)) refused.push(nameOf(row));
      else expect(said).toContain('completed successfully');
    }
    if (place === places[0]) await client.kill();
  }
  return refused;
}

/** A lab where each row has an address of its own behind both hosts. */
async function rowLab(): Promise<Lab> {
  const lab = await createLab();
  await lab.left.run('ip', 'addr', 'add', `${places[1]}/24`, 'dev', 'eth0');
  for (const index of rows.keys()) {
    await lab.left.run('ip', 'addr', 'replace', `10.66.${index}.1/32`, 'dev', 'lo');
    await lab.right.run('ip', 'addr', 'replace', `10.77.${index}.1/32`, 'dev', 'lo');
  }
  return lab;
}

/** Open sessions of each row, as our status has them. */
async function openSessions(server: IpsecKit): Promise<Record<string, number>> {
  const { sessions } = (await server.status()) as {
    readonly sessions: readonly { readonly connection: string; readonly state: string }[];
  };
  const isOpen = (row: Row): number =>
    sessions.filter(({ connection, state }) => connection === nameOf(row) && state === 'open')
      .length;
  return Object.fromEntries(rows.map((row) => [nameOf(row), isOpen(row)]));
}

const expected: Record<string, number> = {
  'never-contact': 2,
  'never-silent': 2,
  'no-contact': 1,
  'no-silent': 2,
  'keep-contact': 1,
  'keep-silent': 1,
  'replace-contact': 1,
  'replace-silent': 1,
};

describe.skipIf(gate.skip)('a second IKE SA of a client that came back (RFC 7296 §2.4)', () => {
  it('strongSwan 5.9.8 as server and as client: what it makes of unique and INITIAL_CONTACT', async () => {
    const lab = await rowLab();
    try {
      const server = await StrongSwan.start(lab.right, serverFor());
      expect(await openTwice(lab.left)).toEqual(['keep-silent']);
      const established = async (): Promise<Record<string, number>> => {
        const sas = await server.listSas();
        const counts = rows.map((row) => [
          nameOf(row),
          [...sas.matchAll(new RegExp(`^${nameOf(row)}: .*ESTABLISHED`, 'gm'))].length,
        ]);
        return Object.fromEntries(counts);
      };
      // It begins to delete what is replaced when it has answered.
      await expect.poll(established, { timeout: 15_000 }).toEqual(expected);
    } finally {
      await lab.close();
    }
  });

  it('ours as server, strongSwan 5.9.8 as client: the same', async () => {
    const lab = await rowLab();
    try {
      const server = await IpsecKit.start(lab.right, 'serve', serverFor());
      await server.process.waitFor(/listening/);
      expect(await openTwice(lab.left)).toEqual(['keep-silent']);
      // A client that is dead does not answer the DELETE of its old IKE SA either: that is not waited for beyond 10 s.
      await expect.poll(() => openSessions(server), { timeout: 15_000 }).toEqual(expected);
    } finally {
      await lab.close();
    }
  });

  for (const contact of [true, false]) {
    const says = contact ? 'unique = no says INITIAL_CONTACT' : 'unique = never does not say it';
    it(`ours as client, strongSwan 5.9.8 as server: ${says}`, async () => {
      const row = rows.find(({ policy, contact: wanted }) => policy === 'no' && wanted === contact);
      if (!row) throw new Error('no such row');
      const lab = await rowLab();
      try {
        const server = await StrongSwan.start(lab.right, serverFor());
        for (const place of places) {
          const client = await IpsecKit.start(lab.left, 'connect', clientFor([row], place));
          await client.process.waitFor(/Child SA \S+ open/);
          if (place === places[0]) await client.stop('SIGKILL');
        }
        const sas = await server.listSas();
        expect([...sas.matchAll(/ESTABLISHED/g)]).toHaveLength(contact ? 1 : 2);
      } finally {
        await lab.close();
      }
    });
  }
});

/** One of two sites that may both begin. */
function site(side: 'left' | 'right'): string {
  const other = side === 'left' ? 'right' : 'left';
  const network = { left: '10.66.0.0/16', right: '10.77.0.0/16' };
  return `connections {
  sites {
    local_addrs = ${addresses[side].v4}
    remote_addrs = ${addresses[other].v4}
    encap = yes
    proposals = aes256-sha256-x25519
    local {
      auth = psk
      id = ${side}
    }
    remote {
      auth = psk
      id = ${other}
    }
    children {
      net {
        local_ts = ${network[side]}
        remote_ts = ${network[other]}
        esp_proposals = aes256gcm16
      }
    }
  }
}
secrets {
  ike-other {
    id = ${other}
    ${secret}
  }
}
`;
}

async function deafen(host: Host): Promise<void> {
  await host.run('nft', 'add table inet deaf');
  await host.run('nft', 'add chain inet deaf in { type filter hook input priority 0 ; }');
  await host.run('nft', 'add rule inet deaf in udp dport { 500, 4500 } drop');
}

describe.skipIf(gate.skip)('two sites that both begin at once (RFC 7296 §2.8)', () => {
  for (const ours of ['left', 'both'] as const) {
    const who = ours === 'both' ? 'ours as both' : 'ours as one, strongSwan 5.9.8 as the other';
    it(`${who}: keep one IKE SA, and traffic passes`, async () => {
      const lab = await createLab();
      try {
        const settings = 'retransmit_timeout = 0.5';
        const left = await IpsecKit.start(lab.left, 'serve', site('left'), { settings });
        await left.process.waitFor(/listening/);
        const initiate = { action: 'initiate', child: 'net' } as const;
        const right =
          ours === 'both'
            ? await IpsecKit.start(lab.right, 'serve', site('right'), { settings })
            : await StrongSwan.start(lab.right, site('right'), settings);
        if (right instanceof IpsecKit) await right.process.waitFor(/listening/);
        // Neither hears the other before both have begun.
        for (const host of [lab.left, lab.right]) await deafen(host);
        const begun = [
          left.ask(initiate).catch(String),
          right instanceof IpsecKit
            ? right.ask(initiate).catch(String)
            : right.initiate('net').catch(String),
        ];
        await left.process.waitFor(/-> IKE_SA_INIT request/);
        if (right instanceof IpsecKit) await right.process.waitFor(/-> IKE_SA_INIT request/);
        else {
          const asked = () => right.counter('ike-init-out-req');
          await expect.poll(asked, { timeout: 10_000 }).toBe(1);
        }
        for (const host of [lab.left, lab.right]) await host.run('nft', 'delete table inet deaf');
        await Promise.all(begun);
        await expect.poll(() => standingSessions(left), { timeout: 60_000 }).toHaveLength(1);
        if (right instanceof StrongSwan) await right.settled(60_000);
        await lab.left.ping(addresses.right.inner4, { source: addresses.left.inner4 });
        await lab.right.ping(addresses.left.inner4, { source: addresses.right.inner4 });
      } catch (error) {
        throw new Error(`${String(error)}\n${lab.outputs()}`, { cause: error });
      } finally {
        await lab.close();
      }
    });
  }
});
