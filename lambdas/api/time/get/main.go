// Tells the time, in the zone that is asked for, such as `?zone=Europe/Berlin`.
package main

import (
	"time"
	_ "time/tzdata"

	"api/internal/lambda"
)

func main() {
	lambda.Start(func(request lambda.Request) (lambda.Response, error) {
		zone := request.QueryStringParameters["zone"]
		place, err := time.LoadLocation(zone)
		if err != nil {
			return lambda.JSON(400, map[string]string{"unknownZone": zone})
		}
		return lambda.JSON(200, map[string]string{"time": time.Now().In(place).Format(time.RFC3339)})
	})
}
