import type { Socket } from 'node:net'
import type pg from 'pg'

/** SCRAM, bound to the certificate of the connection that it is spoken over. */
const BOUND = 'SCRAM-SHA-256-PLUS'

/** What the driver has and does not declare. */
interface Inside {
  readonly connection: pg.Connection & { readonly stream: Socket; attachListeners(stream: Socket): void }
  /** `null` once the server has proved that it knows the password, too, and at no time before. */
  readonly saslSession?: unknown
}

/**
 * The driver's client, of which nothing stays open, and nothing ends the process, where it does not get in.
 *
 * With `binds` it is what psql means by `channel_binding=require`: the server must prove, by what it keeps of the password, that the
 * connection ends at it and at nobody between. The driver does so where it is offered, and trusts whoever says that it is in.
 */
export function carefulClient(Client: typeof pg.Client, { binds }: { readonly binds: boolean }): typeof pg.Client {
  return class CarefulClient extends Client {
    constructor(config?: string | pg.ClientConfig) {
      const given = typeof config === 'string' ? { connectionString: config } : config
      super({ ...given, enableChannelBinding: binds })
      endWhereItFails(this as unknown as Inside)
      if (binds) demandBinding(this as unknown as Inside)
    }
  }
}

function endWhereItFails({ connection }: Inside): void {
  let isIn = false
  connection.on('readyForQuery', () => {
    isIn = true
  })
  connection.on('error', () => {
    if (!isIn) connection.stream.destroy()
  })
  const attach = connection.attachListeners.bind(connection)
  connection.attachListeners = (stream) => {
    attach(stream)
    const readers = stream.listeners('data') as ((bytes: Buffer) => void)[]
    stream.removeAllListeners('data').on('data', (bytes: Buffer) => {
      try {
        for (const read of readers) read(bytes)
      } catch (error) {
        if (isIn) throw error
        // A way in that the driver does not know it throws where nobody could catch it.
        connection.emit('error', error)
      }
    })
  }
}

function demandBinding(client: Inside): void {
  const { connection } = client
  let [isOffered, isProved] = [false, false]
  const refuse = (what: string) => {
    connection.stream.destroy(new Error(`its address asks for channel binding, and the server ${what}`))
  }
  connection.on('authenticationSASL', ({ mechanisms }: { mechanisms: readonly string[] }) => {
    isOffered = mechanisms.includes(BOUND)
    if (!isOffered) refuse('offers none over this connection')
  })
  for (const how of ['authenticationCleartextPassword', 'authenticationMD5Password']) {
    connection.on(how, () => refuse('asks for the password without it'))
  }
  connection.on('authenticationOk', () => {
    isProved = isOffered && client.saslSession === null
    if (!isProved) refuse('lets this user in without it')
  })
  connection.on('readyForQuery', () => {
    if (!isProved) refuse('lets this user in without it')
  })
}
