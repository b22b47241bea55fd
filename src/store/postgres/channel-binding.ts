import type pg from 'pg'

/** SCRAM, bound to the certificate of the connection that it is spoken over. */
const BOUND = 'SCRAM-SHA-256-PLUS'

/**
 * The driver's client, with what psql means by `channel_binding=require`: a server must prove, by what it knows of the password, that
 * the connection ends at itself and at nobody between. The driver does so where it is offered; any other way in ends it here, before
 * anything is answered.
 */
export function bindingClient(Client: typeof pg.Client): typeof pg.Client {
  return class BindingClient extends Client {
    constructor(config?: string | pg.ClientConfig) {
      super({ ...(typeof config === 'string' ? { connectionString: config } : config), enableChannelBinding: true })
      let isBound = false
      const refuse = (what: string) => {
        this.connection.stream.destroy(new Error(`its address asks for channel binding, and the server ${what}`))
      }
      this.connection.on('authenticationSASL', ({ mechanisms }: { mechanisms: readonly string[] }) => {
        isBound = mechanisms.includes(BOUND)
        if (!isBound) refuse('offers none over this connection')
      })
      for (const how of ['authenticationCleartextPassword', 'authenticationMD5Password']) {
        this.connection.on(how, () => refuse('asks for the password without it'))
      }
      this.connection.on('authenticationOk', () => {
        if (!isBound) refuse('lets this user in without it')
      })
    }
  }
}
