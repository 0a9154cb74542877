package seed

import "fmt"

// phones gives none, one or two numbers, written as people write them.
func phones(d dice, region string) []string {
	switch roll := d.Float64(); {
	case roll < 0.08:
		return []string{}
	case roll < 0.10:
		return []string{pick(d, badPhones())}
	case roll < 0.22:
		return []string{phone(d, region), phone(d, region)}
	}
	return []string{phone(d, region)}
}

func badPhones() []string {
	return []string{"call reception", "12345678901234567890", "٠٥٥ ١٢٣ ٤٥٦٧", "n/a", "see notes", "+", "ext. 12 only"}
}

func phone(d dice, region string) string {
	n := d.IntN(100)
	switch region {
	case "CH":
		return fmt.Sprintf(pick(d, []string{"079 555 %02d %02d", "+41 79 555 %02d %02d", "0041 79 555%02d%02d", "044 555 %02d %02d"}), n, d.IntN(100))
	case "AU":
		return fmt.Sprintf(pick(d, []string{"0491 570 1%02d", "+61 491 570 1%02d", "(02) 5550 01%02d", "04 9157 01%02d"}), n)
	}
	area := pick(d, []string{"212", "617", "207", "312", "415"})
	return fmt.Sprintf(pick(d, []string{"(%s) 555-01%02d", "+1 %s-555-01%02d", "%s.555.01%02d", "1-%s-555-01%02d", "%s 555 01%02d x12"}), area, n)
}
