#!/bin/sh
# Enrols at a hub with curl and openssl alone (PROTOCOL 5.1, 5.2, 5.4), then uses the certificate.
#
#   enrol.sh URL CA_ID KEY HOUSEHOLD_ID OPERATION CN ROLE PATH
#
# KEY is the PEM of the device's or member's own key; OPERATION simpleenroll or simplereenroll; ROLE the JSON of the
# statement's role; PATH what is asked for in the end. Works in the current folder; files of a run before are there:
# a renewal shows the certificate that it left. Prints the answer of PATH.
set -eu
url=$1 ca_id=$2 key=$3 household=$4 operation=$5 cn=$6 role=$7 path=$8

fail() { echo "$*" >&2; exit 1; }
url64() { basenc --base64url -w0 | tr -d =; }
unurl64() {
  text=$(tr '_-' '/+')
  while [ $((${#text} % 4)) -ne 0 ]; do text="$text="; done
  printf %s "$text" | openssl base64 -d -A
}
spki() { openssl pkey -in "$1" -pubout -outform DER; }
# A key's id: base32 of the SHA-256 of its SubjectPublicKeyInfo.
id_of() { openssl pkey -pubin -inform DER -outform DER | openssl dgst -sha256 -binary | base32 -w0 | tr -d = | tr A-Z a-z; }
# A string field of flat JSON.
field() { sed -n "s/.*\"$1\":\"\\([^\"]*\\)\".*/\\1/p"; }

# The CA: taken without trust, believed for its id. While one follows another there are more certificates beside it, which are
# believed as far as they lead to it.
curl -sS --fail --insecure "$url/ca.pem" > all.pem
awk '/BEGIN/ { n++ } { print > ("ca-" n ".pem") }' all.pem
rm -f ca.pem
: > chain.pem
for file in ca-*.pem; do
  openssl x509 -in "$file" -noout -pubkey | openssl pkey -pubin -outform DER > ca.spki
  if ! openssl verify -CAfile "$file" "$file" > verified 2>&1; then cat "$file" >> chain.pem
  elif [ "$(id_of < ca.spki)" = "$ca_id" ]; then cp "$file" ca.pem; fi
done
rm -f ca-*.pem
untrusted=''
if [ -s chain.pem ]; then untrusted='-untrusted chain.pem'; fi
[ -f ca.pem ] || fail 'no CA with this id'

# The nonce: an answer to our own challenge, signed by the key that the CA certified for the hub.
id=$(spki "$key" | id_of)
challenge=$(openssl rand 16 | base32 -w0 | tr -d = | tr A-Z a-z)
curl -sS --fail --cacert ca.pem "$url/nonce?for=$id&challenge=$challenge" > nonce.json
field hub < nonce.json | openssl base64 -d -A | openssl x509 -inform DER -out hub.pem
openssl verify -CAfile ca.pem $untrusted hub.pem > verified
openssl x509 -in hub.pem -noout -ext subjectAltName | grep -q 'URI:ownlens:hub' || fail 'not the hub key'
jws=$(field nonce < nonce.json)
# JWS has r and s as 64 bytes (RFC 7518 §3.4), openssl wants them as a SEQUENCE of two INTEGERs.
raw=$(printf %s "${jws##*.}" | unurl64 | basenc --base16 -w0)
printf 'asn1=SEQUENCE:s\n[s]\nr=INTEGER:0x%.64s\ns=INTEGER:0x%s\n' "$raw" "${raw#????????????????????????????????????????????????????????????????}" > signature.conf
openssl asn1parse -genconf signature.conf -noout -out signature.der
openssl x509 -in hub.pem -noout -pubkey > hub.pub
printf %s "${jws%.*}" | openssl dgst -sha256 -verify hub.pub -signature signature.der > verified || fail 'the nonce is not signed by the hub'
signed=${jws#*.}
printf %s "${signed%.*}" | unurl64 > nonce
[ "$(field challenge < nonce)" = "$challenge" ] || fail 'an answer to somebody else'
nonce=$(field nonce < nonce)

# A key that does nothing but TLS, as the hub's attributes want it, and its request.
curl -sS --fail --cacert ca.pem "$url/.well-known/est/csrattrs" | openssl base64 -d | openssl asn1parse -inform DER > attributes
grep -q prime256v1 attributes && grep -q ecdsa-with-SHA256 attributes || fail 'other attributes'
openssl ecparam -name prime256v1 -genkey -noout -out next.key
openssl req -new -key next.key -sha256 -subj "/CN=$cn" -outform DER -out request.der
tls_key=$(spki next.key | openssl dgst -sha256 -r | cut -d' ' -f1)

# The statement: compact JWS, ES256, the public key in its header (PROTOCOL 2).
point=$(spki "$key" | tail -c 64 | basenc --base16 -w0)
coordinate() { printf %s "$point" | cut -c "$1" | tr -d '\n' | basenc --base16 -d | url64; }
jwk="{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"$(coordinate 1-64)\",\"y\":\"$(coordinate 65-128)\"}"
header=$(printf '{"alg":"ES256","typ":"ownlens-enrolment/1","jwk":%s}' "$jwk" | url64)
payload=$(printf '{"id":"%s","householdId":"%s","tlsKey":"%s","caId":"%s","nonce":"%s","role":%s}' \
  "$id" "$household" "$tls_key" "$ca_id" "$nonce" "$role" | url64)
printf %s "$header.$payload" | openssl dgst -sha256 -sign "$key" -out signature.der
signature=$(openssl asn1parse -inform DER -in signature.der | sed -n 's/.*INTEGER *://p' |
  while read -r number; do printf '%64s' "$number" | tr ' ' 0; done | basenc --base16 -d | url64)

# EST (RFC 7030 §4.2). A renewal shows the certificate of before.
shown=''
if [ "$operation" = simplereenroll ]; then shown='--cert client.pem --key client.key'; fi
openssl base64 -in request.der |
  curl -sS --fail-with-body --cacert ca.pem $shown --data-binary @- \
    -H 'Content-Type: application/pkcs10' -H 'Content-Transfer-Encoding: base64' \
    -H "Ownlens-Statement: $header.$payload.$signature" \
    -D headers -o answer.p7 "$url/.well-known/est/$operation" || { cat answer.p7; exit 22; }
grep -qi '^content-type: application/pkcs7-mime; smime-type=certs-only' headers || fail 'another type'
openssl base64 -d -in answer.p7 | openssl pkcs7 -inform DER -print_certs -out next.pem
openssl verify -CAfile ca.pem $untrusted -purpose sslclient next.pem > verified
mv next.pem client.pem
mv next.key client.key

curl -sS --fail-with-body --cacert ca.pem --cert client.pem --key client.key "$url$path"
