// The direction of the layers: an arrow only ever points down (see docs/architecture.md).
const layers = [
  ['clock', 'ip', 'posix', 'profiles'],
  ['scheduler', 'retransmit', 'ikev2-codec', 'crypto'],
  ['nat-t', 'mobike', 'auth', 'x509', 'eap', 'esp', 'crypto-openssl'],
  ['ikev2', 'ipsec'],
  ['udp-adapter', 'datapath', 'tun-adapter', 'linux-platform'],
  ['vpn'],
  ['cli'],
];
const pure = [
  'clock',
  'ip',
  'scheduler',
  'retransmit',
  'crypto',
  'ikev2-codec',
  'esp',
  'nat-t',
  'mobike',
  'auth',
  'x509',
  'eap',
  'ikev2',
  'ipsec',
  'profiles',
  'simulator',
];

module.exports = { layers, pure };
