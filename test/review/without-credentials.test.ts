import { expect, test } from "vitest";
import { withoutCredentials } from "../../lib/review/without-credentials.ts";

test.each([
  [
    "a bad escape",
    "postgres://ci:S3cr3t%zzPass@127.0.0.1:1/db",
    'parse "postgres://ci:S3cr3t%zzPass@127.0.0.1:1/db": x',
  ],
  [
    "a number sign",
    "postgres://ci:S3cr3t#Pass@h/db",
    'parse "postgres://ci:S3cr3t": invalid port ":S3cr3t" after host',
  ],
  ["a word by itself", "host=h password=S3cr3t Pass dbname=d", 'missing "=" after "Pass"'],
  ["quotes", "host=h password='S3cr3t Pass' dbname=d", 'cannot parse "S3cr3t Pass"'],
])("shows nothing of a connection string's password: %s", (_, value, said) => {
  const clean = withoutCredentials(`Error: ${said}`, { PG_CONN_STR: value });
  expect(clean).not.toMatch(/S3cr3t|Pass/);
  expect(clean).toMatch(/^Error: /);
});

test("shows no other credential of the environment, and none of an address", () => {
  const environment = { AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI", HOME: "/home/ann" };
  const text = "wJalrXUtnFEMI is wrong, https://ann:hunter2@example.org/x, /home/ann";
  expect(withoutCredentials(text, environment)).toBe("(hidden) is wrong, https://(hidden)@example.org/x, /home/ann");
});
