/** Address families. @see Linux, include/linux/socket.h */
export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;

/** Types of sockets and their flags. @see Linux, include/linux/net.h */
export const SOCK_DGRAM = 2;
export const SOCK_NONBLOCK = 0o4000;
export const SOCK_CLOEXEC = 0o2000000;

/** Levels of socket options. */
export const SOL_IP = 0;
export const SOL_SOCKET = 1;
export const SOL_UDP = 17;
export const SOL_IPV6 = 41;

/** Options of every socket. @see Linux, include/uapi/asm-generic/socket.h */
export const SO_SNDBUF = 7;
export const SO_RCVBUF = 8;
export const SO_REUSEPORT = 15;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
/** A classic BPF program that chooses among the sockets of one port, since Linux 4.5; the value is a `sock_fprog`. */
export const SO_ATTACH_REUSEPORT_CBPF = 51;

/** Options of IPv4 sockets, and types of their control messages. @see Linux, include/uapi/linux/in.h */
export const IP_TOS = 1;
export const IP_PKTINFO = 8;
export const IP_MTU_DISCOVER = 10;
/** Has errors of datagrams queued, for MSG_ERRQUEUE; also the type of the control message that tells one. */
export const IP_RECVERR = 11;
export const IP_RECVTOS = 13;
/** Do not fragment, and do not send what is larger than the path MTU that the kernel knows. */
export const IP_PMTUDISC_DO = 2;
/** Fragment where needed, no DF bit. */
export const IP_PMTUDISC_DONT = 0;
/** Set the DF bit whatever path MTU the kernel knows: for those who probe on their own. */
export const IP_PMTUDISC_PROBE = 3;

/** Options of IPv6 sockets, and types of their control messages. @see Linux, include/uapi/linux/in6.h */
export const IPV6_MTU_DISCOVER = 23;
export const IPV6_RECVERR = 25;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;
export const IPV6_RECVTCLASS = 66;
export const IPV6_TCLASS = 67;

/** Segmentation offload of UDP sockets. @see Linux, include/uapi/linux/udp.h, since 4.18 and 5.0 */
export const UDP_SEGMENT = 103;
export const UDP_GRO = 104;

/** Flags of a message. @see Linux, include/linux/socket.h */
export const MSG_CTRUNC = 0x08;
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;
/** Reads what went wrong with datagrams that were sent, instead of what came. */
export const MSG_ERRQUEUE = 0x2000;

/** Who says that something went wrong. @see Linux, include/uapi/linux/errqueue.h */
export const SO_EE_ORIGIN_LOCAL = 1;
export const SO_EE_ORIGIN_ICMP = 2;
export const SO_EE_ORIGIN_ICMP6 = 3;
