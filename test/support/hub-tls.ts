/** The hub by OpenSSL's own verdict, for connections that tests make by hand. */
export function hubTls(ca: string) {
  return {
    ca,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: true,
    checkServerIdentity: () => undefined,
  } as const
}
