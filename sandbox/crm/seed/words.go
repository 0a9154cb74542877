package seed

import "strings"

type nameList struct{ first, last []string }

func namesOf(region string) nameList {
	switch region {
	case "CH":
		return nameList{
			[]string{"Urs", "Regula", "Beat", "Céline", "Luca", "Sandra", "Reto", "Noémie", "Marco", "Heidi", "Zoë", "Fabian", "Léa", "Ivo"},
			[]string{"Müller", "Schmid", "Keller", "Favre", "Bianchi", "Gerber", "Rochat", "Huber", "Zürcher", "Blanc", "Bernasconi", "von Arx"},
		}
	case "AU":
		return nameList{
			[]string{"Jack", "Charlotte", "Oliver", "Matilda", "Thuy", "Arjun", "Sienna", "Lachlan", "Priya", "Cooper", "Mia", "Kiri"},
			[]string{"Smith", "Nguyen", "Wilson", "O'Brien", "Kelly", "Sharma", "Taylor", "Papadopoulos", "Chen", "Martin", "Te Rangi"},
		}
	}
	return nameList{
		[]string{"James", "Maria", "Robert", "Linda", "Wei", "Fatima", "José", "Ashley", "Darnell", "Emily", "Siobhán", "Hiroshi", "Ana", "Caleb"},
		[]string{"Johnson", "García", "Chen", "O'Neill", "Washington", "Patel", "Kowalski", "Nguyen", "Smith-Jones", "Rossi", "Cohen", "Baker"},
	}
}

// ascii spells a name as mail addresses do.
func ascii(name string) string {
	return strings.NewReplacer("é", "e", "è", "e", "ü", "u", "ë", "e", "í", "i", "á", "a", "É", "E", "'", "").Replace(name)
}

// topics are what the business's appointments are about.
func topics(account string) []string {
	switch account {
	case "harbor-dental":
		return []string{"Check-up", "Cleaning", "Filling", "Root canal, second visit", "Crown fitting", "Whitening", "Emergency: toothache", "X-ray review"}
	case "alpine-physio":
		return []string{"Physiotherapie Knie", "Rückentraining", "Erstgespräch", "Massage", "Nachkontrolle", "Rééducation épaule", "Lymphdrainage"}
	case "coral-realty":
		return []string{"Inspection", "Appraisal", "Open home", "Contract signing", "Rental viewing", "Vendor meeting", "Key handover"}
	}
	return []string{"Consultation", "Follow-up", "Review", "First meeting", "Planning"}
}

func oddSubjects() []string {
	return []string{
		"🎉 Birthday visit 🎂", "פגישה עם הלקוח", "اجتماع متابعة", "👩‍👩‍👧‍👦 Family", "Überprüfung “A” & <B>", "面談（初回）", "\u202eright to left\u202c", "  spaces   inside  ",
	}
}

func places() []string {
	return []string{"Room 1", "Room 2", "Main street 5, 2nd floor", "At the customer's", "Reception\nring twice", ""}
}

func links() []string {
	return []string{"https://meet.example/abc-defg-hij", "https://video.example/room/42?pwd=a%20b", "http://bridge.example/7"}
}

// longNotes is HTML of more than ten thousand characters, as pasted from a word processor.
func longNotes() string {
	const paragraph = `<p style="margin:0">History &amp; findings: the patient reports <b>no pain</b> since <i>last visit</i> – see <a href="https://files.example/r?id=1&amp;v=2">report</a>.</p>` + "\n"
	return "<html><body>" + strings.Repeat(paragraph, 10_000/len(paragraph)+1) + "<script>alert(1)</script></body></html>"
}
