// Keeps one half-open IKE SA at a responder: node half-open.ts ADDRESS (for a minute), and says `answered` when there is one.
import { randomFillSync } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { setTimeout as pause } from 'node:timers/promises';
import { Encr, Integ, Ke, Prf, TransformType } from '@ipsec-kit/crypto';
import { createNodeProvider } from '@ipsec-kit/crypto/node';
import {
  ExchangeType,
  encodeMessage,
  NotifyType,
  notify,
  ProtocolId,
} from '@ipsec-kit/ikev2-codec';

const random = { fill: (target: Uint8Array): void => void randomFillSync(target) };
const bytes = (length: number): Uint8Array => randomFillSync(new Uint8Array(length));
const secret = await createNodeProvider().generate(Ke.CURVE25519, random);
const socket = createSocket('udp4');
socket.once('message', () => console.log('answered'));

for (let sent = 0; sent < 600; sent += 1) {
  const request = encodeMessage({
    header: {
      initiatorSpi: BigInt(sent + 1),
      responderSpi: 0n,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType: ExchangeType.IKE_SA_INIT,
      isInitiator: true,
      isResponse: false,
      higherVersion: false,
      messageId: 0,
    },
    payloads: [
      {
        type: 'SA',
        proposals: [
          {
            number: 1,
            protocol: ProtocolId.IKE,
            spi: new Uint8Array(),
            transforms: [
              { type: TransformType.ENCR, id: Encr.ENCR_AES_CBC, keyBits: 256 },
              { type: TransformType.PRF, id: Prf.PRF_HMAC_SHA2_256 },
              { type: TransformType.INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 },
              { type: TransformType.KE, id: Ke.CURVE25519 },
            ],
          },
        ],
      },
      { type: 'KE', method: Ke.CURVE25519, data: secret.publicValue },
      // As long as the response, or more: to a shorter request the answer is a cookie, whatever else there is.
      { type: 'Nonce', data: bytes(128) },
      notify(NotifyType.NAT_DETECTION_SOURCE_IP, bytes(20)),
      notify(NotifyType.NAT_DETECTION_DESTINATION_IP, bytes(20)),
    ],
  });
  socket.send(request, 500, process.argv[2] ?? '');
  await pause(100);
}
socket.close();
