/** What FreeRADIUS shares with gateways. */
export const RADIUS_SECRET = 'testing123';

/** What a FreeRADIUS of a test has. */
export interface FreeRadiusSettings {
  /** With the file `users`. */
  readonly directory: string;
  readonly port: number;
  /** The method that it begins with; it knows the others as well. */
  readonly method: 'md5' | 'gtc' | 'mschapv2' | 'tls' | 'ttls';
  readonly tls: { readonly key: string; readonly certificate: string; readonly ca: string };
  /** Default `1.2`. */
  readonly tlsVersion?: '1.2' | '1.3';
  /** Of clients of TTLS as well; default false. */
  readonly requiresCertificate?: boolean;
}

/** Its radiusd.conf: EAP on the loopback address, and inside of TTLS EAP, MSCHAPv2 and PAP. */
export function freeRadiusConfiguration(settings: FreeRadiusSettings): string {
  const { directory, port } = settings;
  return `
prefix = /usr
libdir = /usr/lib/freeradius
logdir = ${directory}
run_dir = ${directory}
log {
  destination = stdout
}
thread pool {
  start_servers = 1
  max_servers = 2
}
security {
  status_server = no
}
client local {
  ipaddr = 127.0.0.1
  secret = ${RADIUS_SECRET}
  require_message_authenticator = yes
}
${modules(settings)}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
${policy('eap', settings.requiresCertificate ? REQUIRE_CERTIFICATE : '')}
}
server inner {
${policy('inner-eap')}
}
`;
}

function modules({ directory, method, tls, tlsVersion = '1.2' }: FreeRadiusSettings): string {
  return `modules {
  pap {
  }
  mschap {
  }
  files {
    usersfile = ${directory}/users
  }
  eap {
    default_eap_type = ${method}
    md5 {
    }
    gtc {
      auth_type = PAP
    }
    mschapv2 {
    }
    tls-config common {
      private_key_file = ${tls.key}
      certificate_file = ${tls.certificate}
      ca_file = ${tls.ca}
      tls_min_version = "1.2"
      tls_max_version = "${tlsVersion}"
      cipher_list = "DEFAULT"
      fragment_size = 600
    }
    tls {
      tls = common
    }
    ttls {
      tls = common
      default_eap_type = mschapv2
      virtual_server = inner
    }
  }
  eap inner-eap {
    default_eap_type = mschapv2
    md5 {
    }
    mschapv2 {
    }
  }
}`;
}

const REQUIRE_CERTIFICATE = `    update control {
      EAP-TLS-Require-Client-Cert := Yes
    }
`;

function policy(eap: string, first = ''): string {
  return `  authorize {
${first}    ${eap} {
      ok = return
    }
    mschap
    files
    pap
  }
  authenticate {
    ${eap}
    Auth-Type PAP {
      pap
    }
    Auth-Type MS-CHAP {
      mschap
    }
  }`;
}
