import fc from 'fast-check'

/**
 * Made-up secrets of every kind that the scanner's rules know, put together when the tests run: this repository itself is
 * scanned, and must not hold anything that looks like a secret.
 */

const LOWER = 'abcdefghijklmnopqrstuvwxyz'
const DIGITS = '0123456789'
const UPPER = LOWER.toUpperCase()
const ALNUM = LOWER + UPPER + DIGITS
const HEX = '0123456789abcdef'

function chars(from: string, min: number, max = min): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(...from), minLength: min, maxLength: max })
}

function joined(...parts: (string | fc.Arbitrary<string>)[]): fc.Arbitrary<string> {
  const arbitraries = parts.map((part) => (typeof part === 'string' ? fc.constant(part) : part))
  return fc.tuple(...arbitraries).map((texts) => texts.join(''))
}

export interface SecretSample {
  /** What the redacted text says in its place. */
  readonly kind: string
  /** Text around the secret by which the rule knows it; it may stay. */
  readonly before?: string
  readonly after?: string
  readonly secret: fc.Arbitrary<string>
}

function sample(kind: string, ...parts: (string | fc.Arbitrary<string>)[]): SecretSample {
  return { kind, secret: joined(...parts) }
}

// A password like its user's name is taken for an example.
const user = chars(ALNUM, 4, 12).map((text) => `u7${text}`)
const password = chars(ALNUM, 4, 12).map((text) => `p7${text}`)
const slackPrefix = fc.constantFrom('xoxb', 'xoxp', 'xapp', 'xoxa', 'xoxo', 'xoxr')
const pemLines = chars(`${ALNUM}+/`, 150, 800).map((text) => `MI${text}`.replace(/.{64}/g, '$&\n'))
const serviceAccount = chars(ALNUM, 90, 300).map((key) => {
  // Padded until the closing brace stands alone in its base64 group, as in real tokens.
  const json = (pad: string) => JSON.stringify({ email: 'robot', key: key + pad })
  const whole = ['', 'x', 'xx'].map(json).find((text) => text.length % 3 === 1) ?? ''
  return btoa(whole)
})

function pem(label: string): fc.Arbitrary<string> {
  return joined('-----BEG', `IN ${label}-----\n`, pemLines, '\n-----E', `ND ${label}-----`)
}

/** Keyed by rule and message: a rule that learns a new pattern gets a new message. The lower bounds are the rules' own. */
export const SECRET_SAMPLES: Readonly<Record<string, SecretSample>> = {
  'aws/AWSAccessKeyID': sample(
    'aws',
    fc.constantFrom('AK', 'AS').map((a) => `${a}IA`),
    chars(UPPER + DIGITS, 16),
  ),
  'aws/AWSSecretAccessKey': {
    kind: 'aws',
    before: ['AWS_SECRET', '_ACCESS_KEY='].join(''),
    secret: joined(chars(`${ALNUM}/+`, 39), 'q'),
  },
  'privatekey/PrivateKey': { kind: 'privatekey', secret: fc.oneof(pem('PRIVATE KEY'), pem('RSA PRIVATE KEY')) },
  'npm/NPM_ACCESS_TOKEN': sample('npm', 'np', 'm_', chars(`${ALNUM}_`, 36)),
  'npm/Npmrc_authToken': { kind: 'npm', before: '//registry.test/:_authToken=', secret: chars(ALNUM, 8, 40) },
  'npm/PackageJSON_xOauthToken': {
    kind: 'npm',
    before: 'git+https://',
    secret: joined('v1.', chars(HEX, 40)),
    after: ':x-oauth-basic@github.com/o/r',
  },
  'basicauth/BasicAuth': sample('basicauth', 'https://', user, ':', password, '@host.test'),
  'slack/SLACK_TOKEN': sample('slack', slackPrefix, '-', chars(ALNUM, 1, 12), '-', chars(ALNUM, 1, 24)),
  'slack/IncomingWebhook': sample(
    'slack',
    'https://hooks.sl',
    'ack.com/services/T',
    chars(ALNUM, 1, 10),
    '/B',
    chars(ALNUM, 1, 10),
    '/',
    chars(ALNUM, 1, 24),
  ),
  'sendgrid/SENDGRID_KEY': sample('sendgrid', 'S', 'G.', chars(ALNUM, 22), '.', chars(ALNUM, 43)),
  'shopify/SHOPIFY_KEY': sample('shopify', 'shp', 'at_', chars(HEX, 32)),
  'stripe/STRIPE_SECRET_KEY_LIVE': sample('stripe', 'sk', '_live_', chars(ALNUM, 24, 99)),
  'stripe/STRIPE_SECRET_KEY_TEST': sample('stripe', 'sk', '_test_', chars(ALNUM, 24, 99)),
  'stripe/STRIPE_RESTRICTED_KEY_LIVE': sample('stripe', 'rk', '_live_', chars(ALNUM, 24, 99)),
  'stripe/STRIPE_RESTRICTED_KEY_TEST': sample('stripe', 'rk', '_test_', chars(ALNUM, 24, 99)),
  'github/GITHUB_TOKEN': {
    kind: 'github',
    secret: fc.oneof(
      joined('gh', 'p_', chars(ALNUM, 36)),
      joined('github', '_pat_', chars(`${ALNUM}_`, 82)),
      joined(
        'gh',
        's_',
        chars(DIGITS, 1, 9),
        '_',
        chars(ALNUM, 1, 9),
        '.',
        chars(ALNUM, 1, 9),
        '.',
        chars(ALNUM, 1, 9),
      ),
    ),
  },
  'gitlab/GITLAB_PERSONAL_ACCESS_TOKEN': sample('gitlab', 'glp', 'at-', chars(`${ALNUM}_-`, 20, 40)),
  'grafana/GRAFANA_CLOUD_API_TOKEN': sample('grafana', 'gl', 'c_', chars(ALNUM, 32, 120)),
  'grafana/GRAFANA_SERVICE_ACCOUNT_TOKEN': sample('grafana', 'gl', 'sa_', chars(ALNUM, 32), '_', chars(HEX, 8)),
  'openai/OPENAI_TOKEN': {
    kind: 'openai',
    secret: fc.oneof(
      joined('s', 'k-', chars(ALNUM, 20), 'T3Blbk', 'FJ', chars(ALNUM, 20)),
      joined('s', 'k-proj-', chars(ALNUM, 74), 'T3Blbk', 'FJ', chars(ALNUM, 74)),
    ),
  },
  'anthropic/ANTHROPIC_API_KEY': sample('anthropic', 'sk-', 'ant-api03-', chars(`${ALNUM}_-`, 93), 'AA'),
  'groq/GROQ_API_KEY': sample('groq', 'gs', 'k_', chars(ALNUM, 52)),
  'huggingface/HUGGINGFACE_USER_ACCESS_TOKEN': sample('huggingface', 'h', 'f_', chars(LOWER + UPPER, 34)),
  'linear/LINEAR_API_TOKEN': sample('linear', 'lin_', 'api_', chars(ALNUM, 32, 60)),
  'notion/NOTION_INTEGRATION_TOKEN': sample('notion', 'nt', 'n_', chars(DIGITS, 11), chars(ALNUM, 35)),
  '1password/OPS_TOKEN': sample('1password', 'op', 's_', serviceAccount),
  'database-connection-string/MongoDBConnection': sample(
    'database-connection-string',
    'mongo',
    'db+srv://',
    user,
    ':',
    password,
    '@db.test/app',
  ),
  'database-connection-string/MySQLConnection': sample(
    'database-connection-string',
    'my',
    'sql://',
    user,
    ':',
    password,
    '@db.test/app',
  ),
  'database-connection-string/PostgreSQLConnection': sample(
    'database-connection-string',
    'post',
    'gres://',
    user,
    ':',
    password,
    '@d',
  ),
  'hashicorp-vault/HASHICORP_VAULT_SERVICE_TOKEN': sample('hashicorp-vault', 'hv', 's.', chars(ALNUM, 90, 120)),
  'hashicorp-vault/HASHICORP_VAULT_BATCH_TOKEN': sample('hashicorp-vault', 'hv', 'b.', chars(ALNUM, 138, 300)),
  'hashicorp-vault/HASHICORP_VAULT_RECOVERY_TOKEN': sample('hashicorp-vault', 'hv', 'r.', chars(ALNUM, 90, 120)),
  'vercel/VERCEL_PERSONAL_ACCESS_TOKEN': sample('vercel', 'vc', 'p_', chars(ALNUM, 20, 60)),
  'vercel/VERCEL_INTEGRATION_TOKEN': sample('vercel', 'vc', 'i_', chars(ALNUM, 20, 60)),
  'vercel/VERCEL_APP_ACCESS_TOKEN': sample('vercel', 'vc', 'a_', chars(ALNUM, 20, 60)),
  'vercel/VERCEL_APP_REFRESH_TOKEN': sample('vercel', 'vc', 'r_', chars(ALNUM, 20, 60)),
  'vercel/VERCEL_AI_GATEWAY_API_KEY': sample('vercel', 'vc', 'k_', chars(ALNUM, 20, 60)),
  'databricks/DATABRICKS_PERSONAL_ACCESS_TOKEN': sample('databricks', 'da', 'pi', chars(HEX, 32)),
  'docker/DOCKER_PERSONAL_ACCESS_TOKEN': sample('docker', 'dckr', '_pat_', chars(ALNUM, 27)),
  'figma/FIGMA_PERSONAL_ACCESS_TOKEN': sample('figma', 'fi', 'gd_', chars(ALNUM, 40, 60)),
  'cloudflare/CLOUDFLARE_GLOBAL_API_KEY': sample('cloudflare', 'cf', 'k_', chars(ALNUM, 40), chars(HEX, 8)),
  'cloudflare/CLOUDFLARE_USER_API_TOKEN': sample('cloudflare', 'cf', 'ut_', chars(ALNUM, 40), chars(HEX, 8)),
  'cloudflare/CLOUDFLARE_ACCOUNT_API_TOKEN': sample('cloudflare', 'cf', 'at_', chars(ALNUM, 40), chars(HEX, 8)),
  ...Object.fromEntries(
    ['api', 'auth', 'client', 'scim', 'webhook'].map((type) => [
      `tailscale/TAILSCALE_${type.toUpperCase()}_KEY`,
      sample('tailscale', 'ts', `key-${type}-`, chars(ALNUM, 8, 16), '-', chars(ALNUM, 16, 32)),
    ]),
  ),
  'tailscale/TAILSCALE_KEY': sample('tailscale', 'ts', 'key-other-', chars(ALNUM, 8, 16), '-', chars(ALNUM, 16, 32)),
}

/** Any sample with what its rule knows it by. */
export const anySecret: fc.Arbitrary<{ kind: string; secret: string; text: string }> = fc
  .constantFrom(...Object.values(SECRET_SAMPLES))
  .chain(({ kind, before = '', secret, after = '' }) =>
    secret.map((value) => ({ kind, secret: value, text: before + value + after })),
  )
