package main

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"
)

// Calls CloudWatch Logs, signed with version 4.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func call(operation string, input, output any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return err
	}
	region := os.Getenv("AWS_REGION")
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		endpoint = "https://logs." + region + ".amazonaws.com"
	}
	request, err := http.NewRequest(http.MethodPost, endpoint+"/", bytes.NewReader(body))
	if err != nil {
		return err
	}
	sign(request, operation, region, body)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s", operation, response.Status, text)
	}
	if output == nil {
		return nil
	}
	return json.Unmarshal(text, output)
}

func sign(request *http.Request, operation, region string, body []byte) {
	now := time.Now().UTC()
	day, stamp := now.Format("20060102"), now.Format("20060102T150405Z")
	target, token := "Logs_20140328."+operation, os.Getenv("AWS_SESSION_TOKEN")
	headers := "content-type:application/x-amz-json-1.1\nhost:" + request.URL.Host + "\nx-amz-date:" + stamp + "\n"
	names := "content-type;host;x-amz-date"
	if token != "" {
		headers, names = headers+"x-amz-security-token:"+token+"\n", names+";x-amz-security-token"
		request.Header.Set("X-Amz-Security-Token", token)
	}
	headers, names = headers+"x-amz-target:"+target+"\n", names+";x-amz-target"
	canonical := "POST\n/\n\n" + headers + "\n" + names + "\n" + hash(body)
	scope := day + "/" + region + "/logs/aws4_request"
	key := []byte("AWS4" + os.Getenv("AWS_SECRET_ACCESS_KEY"))
	for _, part := range []string{day, region, "logs", "aws4_request"} {
		key = mac(key, part)
	}
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n"+stamp+"\n"+scope+"\n"+hash([]byte(canonical))))
	credential := os.Getenv("AWS_ACCESS_KEY_ID") + "/" + scope
	request.Header.Set("Content-Type", "application/x-amz-json-1.1")
	request.Header.Set("X-Amz-Date", stamp)
	request.Header.Set("X-Amz-Target", target)
	request.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+credential+", SignedHeaders="+names+", Signature="+signature)
}

func hash(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func mac(key []byte, text string) []byte {
	code := hmac.New(sha256.New, key)
	code.Write([]byte(text))
	return code.Sum(nil)
}
