import { createServer, connect as dial, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** What happens to a connection once a message of its client is the one that was waited for. */
export type Mishap =
  /** It is cut on both sides, and the message is lost. */
  | 'cut before'
  /** The server gets it and answers, and the client hears nothing of that but the end. */
  | 'cut after'
  /** The client hears the answer but for its last bytes. */
  | 'cut in the answer'
  /** The client is cut off; the server gets the message and all behind it when `release` is called. */
  | 'hold'
  /** Nothing passes any more, either way, and nobody is told. */
  | 'stall'
  /** The server does not get it, and the client is told that it failed: a cancel that came just then. */
  | 'cancel'

export interface Proxy {
  /** As the address of a server, with this proxy's port. */
  url(of: string): string
  /** The next message, of any connection, of which `is` holds meets with this, and `times - 1` more. */
  arm(is: (message: Buffer) => boolean, mishap: Mishap, times?: number): void
  /** Done as soon as a message is met. */
  atOnce(act: () => void): void
  /** Messages that were met so far. */
  readonly met: number
  /** Sends on what was held, and a commit behind it. */
  release(): void
  /** New connections are turned away from now on; those that are there are cut. */
  close(): void
  /** New connections are taken and then hear nothing. */
  swallow(): void
  open(): void
  /** Each way, from now on. */
  delay(ms: number): void
  cutAll(): void
}

const READY = Buffer.from([0x5a, 0, 0, 0, 5, 0x49])
const CANCELLED = Buffer.concat([
  framed('E', 'SERROR\0C57014\0Mcanceling statement due to user request\0\0'),
  Buffer.from([0x5a, 0, 0, 0, 5, 0x49]),
])

/** Stands between a client and a PostgreSQL server, reads what the client says, and fails where it is told to. */
export async function tcpProxy(port: number): Promise<Proxy> {
  const sockets = new Set<Socket>()
  const held: { server: Socket; bytes: Buffer[] }[] = []
  let armed: { is: (message: Buffer) => boolean; mishap: Mishap; times: number } | null = null
  let mode: 'open' | 'closed' | 'deaf' = 'open'
  let wait = 0
  let met = 0
  let next = () => {}

  const serve = (client: Socket) => {
    track(client)
    if (mode === 'closed') client.resetAndDestroy()
    if (mode !== 'open') return
    const server = track(dial(port, '127.0.0.1'))
    let state: Mishap | 'well' = 'well'
    let keeping: Buffer[] | null = null
    const later = (to: Socket, bytes: Buffer) => {
      if (wait === 0) to.write(bytes)
      else setTimeout(() => to.writable && to.write(bytes), wait)
    }
    client.on(
      'data',
      messages((message) => {
        if (state === 'well' && armed?.is(message) === true) {
          state = armed.mishap
          met++
          setTimeout(next)
          if (--armed.times === 0) armed = null
          if (state === 'cut before') {
            server.destroy()
            client.resetAndDestroy()
          }
          if (state === 'hold') {
            keeping = []
            held.push({ server, bytes: keeping })
            client.resetAndDestroy()
          }
          if (state === 'cancel') {
            state = 'well'
            client.write(CANCELLED)
            return
          }
        }
        if (keeping !== null) keeping.push(message)
        else if (state !== 'stall' && state !== 'cut before') later(server, message)
      }),
    )
    server.on('data', (bytes) => {
      if (state === 'well') return later(client, bytes)
      if (state !== 'cut after' && state !== 'cut in the answer') return
      const isEnd = bytes.subarray(-READY.length).equals(READY)
      if (state === 'cut in the answer') client.write(isEnd ? bytes.subarray(0, -READY.length - 3) : bytes)
      if (isEnd) setTimeout(() => [client, server].map((socket) => socket.destroy()), 5)
    })
    client.on('close', () => {
      if (keeping === null) server.end()
    })
    server.on('close', () => client.destroy())
  }
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('close', () => sockets.delete(socket))
    return socket
  }
  const server: Server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const own = typeof address === 'object' && address !== null ? address.port : 0
  const cutAll = () => {
    for (const socket of sockets) socket.destroy()
  }
  onTestFinished(() => {
    cutAll()
    server.close()
  })
  return {
    url: (of) => of.replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${own}`),
    arm(is, mishap, times = 1) {
      armed = { is, mishap, times }
    },
    atOnce(act) {
      next = act
    },
    get met() {
      return met
    },
    release() {
      for (const { server: to, bytes } of held.splice(0)) to.write(Buffer.concat([...bytes, framed('Q', 'COMMIT\0')]))
    },
    close() {
      mode = 'closed'
      cutAll()
    },
    swallow() {
      mode = 'deaf'
    },
    open() {
      mode = 'open'
    },
    delay(ms) {
      wait = ms
    },
    cutAll,
  }
}

/** Cuts a client's bytes into what it says at once: a statement with its parameters up to the Sync. The first has no letter. */
function messages(take: (message: Buffer) => void): (bytes: Buffer) => void {
  const parts: Buffer[] = []
  let rest = Buffer.alloc(0)
  let isFirst = true
  return (bytes) => {
    rest = Buffer.concat([rest, bytes])
    for (;;) {
      const start = isFirst ? 0 : 1
      if (rest.length < start + 4) return
      const end = start + rest.readInt32BE(start)
      if (rest.length < end) return
      const [letter] = isFirst ? '' : rest.toString('latin1', 0, 1)
      parts.push(rest.subarray(0, end))
      rest = rest.subarray(end)
      isFirst = false
      if (letter === undefined || !'PBDEC'.includes(letter)) take(Buffer.concat(parts.splice(0)))
    }
  }
}

function framed(letter: string, body: string): Buffer {
  const bytes = Buffer.from(body)
  const head = Buffer.alloc(5)
  head.write(letter)
  head.writeInt32BE(bytes.length + 4, 1)
  return Buffer.concat([head, bytes])
}
