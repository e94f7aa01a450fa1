// The DNS of a network with a NAT64: each name has its IPv4 addresses, and IPv6 addresses made of them (RFC 6147).
// Usage: node dns64.mjs ADDRESS PREFIX-IN-24-HEX-DIGITS NAME=ADDRESS[,ADDRESS] ...
import { createSocket } from 'node:dgram';

const [own, prefix, ...names] = process.argv.slice(2);
const known = new Map(
  names.map((entry) => {
    const [name, addresses] = entry.split('=');
    return [name, addresses.split(',').map((text) => Buffer.from(text.split('.').map(Number)))];
  }),
);
const A = 1;
const AAAA = 28;
const NXDOMAIN = 3;
const SECONDS = 60;

const socket = createSocket('udp6');
socket.on('message', (query, from) => {
  const { name, type, end } = questionOf(query);
  const addresses = known.get(name);
  const data = (addresses ?? []).flatMap((address) => {
    if (type === A) return [address];
    return type === AAAA ? [Buffer.concat([Buffer.from(prefix, 'hex'), address])] : [];
  });
  const header = Buffer.alloc(12);
  query.copy(header, 0, 0, 2);
  header.writeUInt16BE(0x8580 | (addresses ? 0 : NXDOMAIN), 2);
  header.writeUInt16BE(1, 4);
  header.writeUInt16BE(data.length, 6);
  const answers = data.map((bytes) => {
    const head = Buffer.alloc(12);
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(SECONDS, 6);
    head.writeUInt16BE(bytes.length, 10);
    return Buffer.concat([head, bytes]);
  });
  socket.send(
    Buffer.concat([header, query.subarray(12, end), ...answers]),
    from.port,
    from.address,
  );
});
socket.bind(53, own, () => process.stdout.write('ready\n'));

/** The first question: its name, its type, and where it ends. */
function questionOf(query) {
  const labels = [];
  let at = 12;
  for (let length = query[at]; length > 0; length = query[at]) {
    labels.push(query.subarray(at + 1, at + 1 + length).toString('latin1'));
    at += 1 + length;
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 };
}
